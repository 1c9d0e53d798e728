-- Conversations in which the agent works on its own memory, what it reflected on, and what it learned.
ALTER TABLE conversation ADD COLUMN kind TEXT NOT NULL DEFAULT 'chat';

CREATE TABLE reflection (
    id TEXT PRIMARY KEY,
    agent_id TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    conversation_id TEXT REFERENCES conversation (id) ON DELETE CASCADE,
    occasion TEXT NOT NULL,
    state TEXT NOT NULL,
    slices TEXT NOT NULL,               -- JSON: [conversation id, first, last], …
    tries INTEGER NOT NULL,
    error TEXT NOT NULL,
    told INTEGER NOT NULL,              -- whether a person was told how it ended
    started_at TEXT NOT NULL,
    finished_at TEXT
) STRICT;
CREATE INDEX reflection_recent ON reflection (agent_id, started_at);

-- Up to which message a conversation was reflected on, and when that reflection began to read.
CREATE TABLE reflection_cursor (
    conversation_id TEXT PRIMARY KEY REFERENCES conversation (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    read_at TEXT NOT NULL
) STRICT;

CREATE TABLE skill_draft (
    id TEXT PRIMARY KEY,
    agent_id TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    conversation_id TEXT NOT NULL,      -- may be gone
    state TEXT NOT NULL,
    path TEXT NOT NULL,
    replaced TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX skill_draft_recent ON skill_draft (agent_id, created_at);

-- Counts outlive the conversations and runs they come from.
CREATE TABLE skill_use (
    run_id TEXT NOT NULL,
    skill TEXT NOT NULL,
    agent_id TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    outcome TEXT NOT NULL,
    used_at TEXT NOT NULL,
    PRIMARY KEY (run_id, skill)
) STRICT;
CREATE INDEX skill_use_agent ON skill_use (agent_id, skill);
