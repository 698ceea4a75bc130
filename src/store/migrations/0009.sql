-- A superseded month of a kept history whose file `gc` removed: every content that it held of a session is in another month's file that
-- stays. Its records stay, for they say what was known when.
ALTER TABLE segments ADD COLUMN thinned INTEGER NOT NULL DEFAULT 0;
