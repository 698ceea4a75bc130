-- What an asset was connected to when it was last found clean. Of what was found before this was kept it is not known: each asset
-- is looked at once.
ALTER TABLE heads ADD COLUMN wiring BLOB NOT NULL DEFAULT x'00000000000000000000000000000000';
