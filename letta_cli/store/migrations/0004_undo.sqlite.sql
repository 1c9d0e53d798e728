-- What tool calls did to files, so that it can be taken back. The contents lie outside.
CREATE TABLE file_change (
    number INTEGER PRIMARY KEY,
    conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    run_id TEXT NOT NULL,
    call_id TEXT NOT NULL,
    path TEXT NOT NULL,
    before_sha256 TEXT,                 -- NULL: there was no file
    after_sha256 TEXT,                  -- NULL: it was removed
    mode INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    undone_at TEXT
) STRICT;
CREATE INDEX file_change_conversation ON file_change (conversation_id, created_at);
