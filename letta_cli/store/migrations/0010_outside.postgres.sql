-- Where text from outside came from that stood before whoever wrote the draft.
ALTER TABLE skill_draft ADD COLUMN untrusted TEXT COLLATE "C" NOT NULL DEFAULT '';
-- What of its folder was trusted when a conversation's prompt was compiled.
ALTER TABLE prompt ADD COLUMN trusted TEXT COLLATE "C" NOT NULL DEFAULT '';
