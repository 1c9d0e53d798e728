-- Blocks that an agent sees although they are another's.
CREATE TABLE block_attachment (
    agent_id TEXT COLLATE "C" NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    block_id TEXT COLLATE "C" NOT NULL REFERENCES block (id) ON DELETE CASCADE,
    attached_at TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (agent_id, block_id)
);
CREATE INDEX block_attachment_block ON block_attachment (block_id);

-- With the label: whether memory changed is answered from the index alone.
DROP INDEX block_version;
CREATE INDEX block_version ON block (agent_id, scope, scope_key, label, id, version);
