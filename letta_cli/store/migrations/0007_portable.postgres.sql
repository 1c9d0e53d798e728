-- What was brought in from another program, so that a second import adds only what is new. It
-- outlives the conversation: one that a person deleted does not come back.
CREATE TABLE imported (
    agent_id TEXT COLLATE "C" NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    kind TEXT COLLATE "C" NOT NULL,                 -- claude, codex, pi, conversation
    source TEXT COLLATE "C" NOT NULL,               -- what the other program calls it
    path TEXT COLLATE "C" NOT NULL,
    size BIGINT NOT NULL,              -- bytes that were read
    modified_ns BIGINT NOT NULL,
    conversation_id TEXT COLLATE "C" NOT NULL,
    messages BIGINT NOT NULL,          -- the conversation's head after the import
    settled BIGINT NOT NULL,           -- how many of them cannot change any more
    settled_sha256 TEXT COLLATE "C" NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,               -- over all of them
    imported_at TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (agent_id, kind, source)
);
CREATE INDEX imported_path ON imported (agent_id, kind, path);
CREATE INDEX imported_conversation ON imported (conversation_id);

-- What an agent's file says that has no place elsewhere, for when the agent moves out again.
CREATE TABLE agent_file (
    agent_id TEXT COLLATE "C" PRIMARY KEY REFERENCES agent (id) ON DELETE CASCADE,
    document TEXT COLLATE "C" NOT NULL           -- JSON
);

-- Documents that a person gave the agent. Their text is in search_entry, as sources of kind file.
CREATE TABLE file (
    id TEXT COLLATE "C" PRIMARY KEY,
    agent_id TEXT COLLATE "C" NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,                 -- what it is cited by
    path TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,
    size BIGINT NOT NULL,
    modified_ns BIGINT NOT NULL,
    sections BIGINT NOT NULL,
    trouble TEXT COLLATE "C" NOT NULL,              -- why it could not be read again
    read_at TEXT COLLATE "C" NOT NULL,
    UNIQUE (agent_id, path),
    UNIQUE (agent_id, name)
);

CREATE TABLE file_folder (
    agent_id TEXT COLLATE "C" NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    path TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (agent_id, path)
);
