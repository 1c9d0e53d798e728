-- The edit radar. Rows outlive their session for a day: a resumed conversation still counts its
-- files as read, and a refusal can name a writer that has left.
CREATE TABLE file_touch (
    session_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    kind TEXT NOT NULL,                 -- of the last touch: read or write
    touched_at TEXT NOT NULL,
    written_at TEXT,                    -- of the last write; stays when the file is read again
    PRIMARY KEY (session_id, path)
) STRICT;
CREATE INDEX file_touch_conversation ON file_touch (conversation_id, touched_at);
CREATE INDEX file_touch_path ON file_touch (path, written_at) WHERE written_at IS NOT NULL;
CREATE INDEX file_touch_written ON file_touch (written_at) WHERE written_at IS NOT NULL;

-- What one session tells another; taken at its next step.
CREATE TABLE session_news (
    number INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    text TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX session_news_session ON session_news (session_id);
