-- What stood in the writer's context that came from outside, and what a person said to the edit.
ALTER TABLE block_revision ADD COLUMN untrusted TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE block_revision ADD COLUMN reviewed TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX block_revision_unreviewed ON block_revision (block_id)
    WHERE untrusted <> '' AND reviewed = '';
ALTER TABLE passage ADD COLUMN untrusted TEXT COLLATE "C" NOT NULL DEFAULT '';
