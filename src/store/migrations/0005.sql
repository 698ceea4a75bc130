-- Carried states of recursive assets, beside the segments: `trace` holds a hash of each instrument's state after each of `sessions`,
-- `checkpoint` the states themselves after its one session. Versions as of segments, though not in step with theirs: a state may
-- move where content does not.
CREATE TABLE carried (
    id INTEGER PRIMARY KEY,
    asset TEXT NOT NULL,
    month INTEGER NOT NULL,
    kind TEXT NOT NULL,
    content BLOB NOT NULL,
    size INTEGER NOT NULL,
    spec BLOB NOT NULL,
    sessions BLOB NOT NULL,
    created_rev INTEGER NOT NULL,
    dropped_rev INTEGER
) STRICT;
CREATE INDEX carried_asset ON carried (asset, month);
CREATE UNIQUE INDEX carried_current ON carried (asset, month, kind) WHERE dropped_rev IS NULL;
