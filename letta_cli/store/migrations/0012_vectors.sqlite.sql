-- More is embedded of code, and other parts of diffs: what was made before is made anew.
DELETE FROM search_vector;
