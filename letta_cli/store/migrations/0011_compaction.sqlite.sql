-- What summaries of a conversation cost. A person may ask for one without a run.
CREATE TABLE compaction (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    run_id TEXT REFERENCES run (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,               -- of the summary
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    cost_usd REAL,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX compaction_run ON compaction (run_id);
CREATE INDEX compaction_conversation ON compaction (conversation_id, number);
