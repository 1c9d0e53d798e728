-- More is embedded of code, and other parts of diffs: what was made before is made anew.
DELETE FROM search_vector;

-- Only what was said counts less when it is short.
UPDATE search_entry SET weight = 1
WHERE document IS NULL OR document IN (SELECT number FROM message WHERE role = 'tool');
