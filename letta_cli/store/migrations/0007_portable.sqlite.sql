-- What was brought in from another program, so that a second import adds only what is new. It
-- outlives the conversation: one that a person deleted does not come back.
CREATE TABLE imported (
    agent_id TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,                 -- claude, codex, pi, conversation
    source TEXT NOT NULL,               -- what the other program calls it
    path TEXT NOT NULL,
    size INTEGER NOT NULL,              -- bytes that were read
    modified_ns INTEGER NOT NULL,
    conversation_id TEXT NOT NULL,
    messages INTEGER NOT NULL,          -- the conversation's head after the import
    settled INTEGER NOT NULL,           -- how many of them cannot change any more
    settled_sha256 TEXT NOT NULL,
    sha256 TEXT NOT NULL,               -- over all of them
    imported_at TEXT NOT NULL,
    PRIMARY KEY (agent_id, kind, source)
) STRICT;
CREATE INDEX imported_path ON imported (agent_id, kind, path);
CREATE INDEX imported_conversation ON imported (conversation_id);

-- What an agent's file says that has no place elsewhere, for when the agent moves out again.
CREATE TABLE agent_file (
    agent_id TEXT PRIMARY KEY REFERENCES agent (id) ON DELETE CASCADE,
    document TEXT NOT NULL           -- JSON
) STRICT;

-- Documents that a person gave the agent. Their text is in search_entry, as sources of kind file.
CREATE TABLE file (
    id TEXT PRIMARY KEY,
    agent_id TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    name TEXT NOT NULL,                 -- what it is cited by
    path TEXT NOT NULL,
    kind TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    sections INTEGER NOT NULL,
    trouble TEXT NOT NULL,              -- why it could not be read again
    read_at TEXT NOT NULL,
    UNIQUE (agent_id, path),
    UNIQUE (agent_id, name)
) STRICT;

CREATE TABLE file_folder (
    agent_id TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    PRIMARY KEY (agent_id, path)
) STRICT;
