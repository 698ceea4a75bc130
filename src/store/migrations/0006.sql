-- What was asked for of a source that has to be asked, session by session: when last, how many rows came, and whether they were taken.
-- What the session's partition was made of is `request` (a hash of what was asked for) and `instruments` (of which set); neither is
-- there before an answer was taken.
CREATE TABLE fetches (
    asset TEXT NOT NULL,
    session INTEGER NOT NULL,
    asked_at INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    run INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    request BLOB,
    instruments BLOB,
    PRIMARY KEY (asset, session)
) STRICT, WITHOUT ROWID;

-- Sets of instruments by the hash of their names, which are one to a line in order; none stands for all that there are.
CREATE TABLE instrument_sets (
    hash BLOB PRIMARY KEY,
    names TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- As `collected`, asset by asset: what is known of an asset's history is whole while nothing of it was removed. Of what was removed
-- before this was kept it is not known whose it was: it counts for every asset, under the empty name.
CREATE TABLE collected_assets (
    asset TEXT NOT NULL,
    created_rev INTEGER NOT NULL,
    dropped_rev INTEGER NOT NULL,
    PRIMARY KEY (asset, created_rev, dropped_rev)
) STRICT, WITHOUT ROWID;
INSERT INTO collected_assets SELECT '', created_rev, dropped_rev FROM collected;
