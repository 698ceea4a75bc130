-- The assets that the warehouse shows, one to a line in order of name; `*` for all. Of what was published before this was kept it
-- is not known: the next to look publishes again.
ALTER TABLE published ADD COLUMN assets TEXT NOT NULL DEFAULT '';
