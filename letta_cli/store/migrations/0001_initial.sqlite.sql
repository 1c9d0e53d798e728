-- Names are the product's words. Dates are ISO 8601 text in UTC, flags are 0 or 1.

CREATE TABLE migration (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    applied_at TEXT NOT NULL
) STRICT;

CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE agent (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    model TEXT NOT NULL,
    system TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE conversation (
    id TEXT PRIMARY KEY,
    agent_id TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    cwd TEXT NOT NULL,
    project TEXT NOT NULL,
    model TEXT NOT NULL,
    memory_versions TEXT NOT NULL,      -- JSON: block id -> version
    head INTEGER NOT NULL,
    context_start INTEGER NOT NULL,
    summary_seq INTEGER,
    forked_from TEXT,
    forked_at INTEGER,                  -- seq of the last message taken over
    is_default INTEGER NOT NULL,
    archived INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX conversation_default ON conversation (agent_id) WHERE is_default = 1;
CREATE INDEX conversation_recent ON conversation (agent_id, updated_at);
CREATE INDEX conversation_place ON conversation (agent_id, cwd, updated_at);

-- Apart from its conversation, whose row is rewritten with every message.
CREATE TABLE prompt (
    conversation_id TEXT PRIMARY KEY REFERENCES conversation (id) ON DELETE CASCADE,
    text TEXT NOT NULL
) STRICT;

CREATE TABLE message (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    role TEXT NOT NULL,
    parts TEXT NOT NULL,                -- JSON
    document INTEGER,                   -- rowid in message_index; copies share one
    run_id TEXT,
    created_at TEXT NOT NULL,
    UNIQUE (conversation_id, seq)
) STRICT;
CREATE INDEX message_document ON message (document);

CREATE VIRTUAL TABLE message_index USING fts5 (
    body, context, content = '', contentless_delete = 1, tokenize = 'porter unicode61'
);

CREATE TABLE run (
    id TEXT PRIMARY KEY,
    conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    model TEXT NOT NULL,
    state TEXT NOT NULL,
    stop_reason TEXT,
    error TEXT NOT NULL,
    partial TEXT NOT NULL,              -- what has streamed of the answer so far
    started_at TEXT NOT NULL,
    finished_at TEXT
) STRICT;
CREATE INDEX run_conversation ON run (conversation_id, started_at);
CREATE INDEX run_open ON run (conversation_id) WHERE state = 'open';

CREATE TABLE step (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    run_id TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,               -- of the assistant message
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    cost_usd REAL,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX step_run ON step (run_id);
CREATE INDEX step_conversation ON step (conversation_id, number);

-- The journal: calls whose returns are not in the thread yet.
CREATE TABLE tool_call (
    run_id TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    call_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    arguments_sha256 TEXT NOT NULL,
    pgid INTEGER,
    result TEXT,                        -- JSON of the return, once it is known
    PRIMARY KEY (run_id, call_id)
) STRICT;
CREATE INDEX tool_call_id ON tool_call (call_id);
CREATE INDEX tool_call_conversation ON tool_call (conversation_id);

CREATE TABLE block (
    id TEXT PRIMARY KEY,
    agent_id TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    label TEXT NOT NULL,
    description TEXT NOT NULL,
    value TEXT NOT NULL,
    char_limit INTEGER NOT NULL,
    read_only INTEGER NOT NULL,
    scope TEXT NOT NULL,
    scope_key TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (agent_id, scope, scope_key, label)
) STRICT;
CREATE INDEX block_version ON block (agent_id, scope, scope_key, id, version);

CREATE TABLE block_revision (
    block_id TEXT NOT NULL REFERENCES block (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    actor TEXT NOT NULL,
    conversation_id TEXT,
    run_id TEXT,
    note TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (block_id, version)
) STRICT;
CREATE INDEX block_revision_date ON block_revision (created_at);

CREATE TABLE session (
    id TEXT PRIMARY KEY,
    conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    pid INTEGER NOT NULL,
    host TEXT NOT NULL,
    terminal TEXT NOT NULL,
    cwd TEXT NOT NULL,
    branch TEXT NOT NULL,
    state TEXT NOT NULL,
    activity TEXT NOT NULL,
    started_at TEXT NOT NULL,
    heartbeat_at TEXT NOT NULL
) STRICT;
CREATE INDEX session_conversation ON session (conversation_id, heartbeat_at);
