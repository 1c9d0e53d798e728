-- Conversations in which the agent works on its own memory, what it reflected on, and what it learned.
ALTER TABLE conversation ADD COLUMN kind TEXT COLLATE "C" NOT NULL DEFAULT 'chat';

CREATE TABLE reflection (
    id TEXT COLLATE "C" PRIMARY KEY,
    agent_id TEXT COLLATE "C" NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    conversation_id TEXT COLLATE "C" REFERENCES conversation (id) ON DELETE CASCADE,
    occasion TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    slices TEXT COLLATE "C" NOT NULL, -- JSON: [conversation id, first, last], …
    tries BIGINT NOT NULL,
    error TEXT COLLATE "C" NOT NULL,
    told BIGINT NOT NULL,              -- whether a person was told how it ended
    started_at TEXT COLLATE "C" NOT NULL,
    finished_at TEXT COLLATE "C"
);
CREATE INDEX reflection_recent ON reflection (agent_id, started_at);

-- Up to which message a conversation was reflected on, and when that reflection began to read.
CREATE TABLE reflection_cursor (
    conversation_id TEXT COLLATE "C" PRIMARY KEY REFERENCES conversation (id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    read_at TEXT COLLATE "C" NOT NULL
);

CREATE TABLE skill_draft (
    id TEXT COLLATE "C" PRIMARY KEY,
    agent_id TEXT COLLATE "C" NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    conversation_id TEXT COLLATE "C" NOT NULL, -- may be gone
    state TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    replaced TEXT COLLATE "C" NOT NULL,
    created_at TEXT COLLATE "C" NOT NULL
);
CREATE INDEX skill_draft_recent ON skill_draft (agent_id, created_at);

-- Counts outlive the conversations and runs they come from.
CREATE TABLE skill_use (
    run_id TEXT COLLATE "C" NOT NULL,
    skill TEXT COLLATE "C" NOT NULL,
    agent_id TEXT COLLATE "C" NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    outcome TEXT COLLATE "C" NOT NULL,
    used_at TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run_id, skill)
);
CREATE INDEX skill_use_agent ON skill_use (agent_id, skill);
