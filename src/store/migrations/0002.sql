-- The newest revision that took a partition of the asset away. What was taken before this was kept is not known: each asset is
-- looked at once as if its newest revision had.
ALTER TABLE heads ADD COLUMN shrunk_rev INTEGER NOT NULL DEFAULT 0;
UPDATE heads SET shrunk_rev = tip_rev;
