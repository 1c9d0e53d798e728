-- Archival memory: searched, never in context by itself. Origins are kept when their conversation
-- or run is gone.
CREATE TABLE passage (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    agent_id TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    text TEXT NOT NULL,
    actor TEXT NOT NULL,
    conversation_id TEXT,
    run_id TEXT,
    note TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX passage_recent ON passage (agent_id, created_at, number);

CREATE TABLE passage_tag (
    passage_id TEXT NOT NULL REFERENCES passage (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,          -- as they were given
    tag TEXT NOT NULL,
    PRIMARY KEY (passage_id, tag)
) STRICT;
CREATE INDEX passage_tag_tag ON passage_tag (tag);
