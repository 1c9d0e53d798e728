-- One index for everything that is searched. Entries of messages take their text from the message;
-- all others carry it, and are its only place for some.
DROP TABLE message_index;

CREATE TABLE search_entry (
    number INTEGER PRIMARY KEY,         -- rowid in search_index
    agent_id TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,                 -- message, memory, passage, file …
    source TEXT NOT NULL,               -- id of the block, passage or file; empty for messages
    place TEXT NOT NULL,                -- where in the source: a version, page/line …
    piece INTEGER NOT NULL,             -- long texts are indexed in pieces, counted from 0
    document INTEGER,                   -- of messages: message.document
    title TEXT NOT NULL,
    text TEXT,
    weight REAL NOT NULL,               -- how much it can tell: 0 to 1
    created_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX search_entry_document ON search_entry (document, piece)
    WHERE document IS NOT NULL;
CREATE INDEX search_entry_source ON search_entry (kind, source, number);
CREATE INDEX search_entry_agent ON search_entry (agent_id);

CREATE VIRTUAL TABLE search_index USING fts5 (
    body, context, near, far, content = '', contentless_delete = 1, tokenize = 'porter unicode61'
);
CREATE TRIGGER search_entry_gone AFTER DELETE ON search_entry BEGIN
    DELETE FROM search_index WHERE rowid = old.number;
END;

-- What is still to be indexed: everything that was there before this index.
CREATE TABLE search_backlog (
    kind TEXT NOT NULL,
    source TEXT NOT NULL,               -- a conversation, a block, a passage
    done INTEGER NOT NULL,              -- the last message or revision of it that is indexed
    PRIMARY KEY (kind, source)
) STRICT;
INSERT INTO search_backlog SELECT 'message', id, 0 FROM conversation WHERE head > 0;
INSERT INTO search_backlog SELECT 'memory', id, 0 FROM block;
INSERT INTO search_backlog SELECT 'passage', id, 0 FROM passage;

-- Entries as vectors of one signed byte a dimension. Made in the background, and worth nothing
-- without the model that made them.
CREATE TABLE search_vector (
    agent_id TEXT NOT NULL,
    model TEXT NOT NULL,
    entry INTEGER NOT NULL REFERENCES search_entry (number) ON DELETE CASCADE,
    value BLOB NOT NULL,
    PRIMARY KEY (agent_id, model, entry)
) STRICT, WITHOUT ROWID;
CREATE INDEX search_vector_entry ON search_vector (entry);
