-- Revisions: one row per commit, whose number every partition changed by it carries.
CREATE TABLE commits (
    rev INTEGER PRIMARY KEY AUTOINCREMENT,
    asset TEXT NOT NULL,
    run INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX commits_at ON commits (at);
CREATE INDEX commits_run ON commits (run);

-- Columns of segments; many segments share one row.
CREATE TABLE schemas (
    id INTEGER PRIMARY KEY,
    json TEXT NOT NULL UNIQUE
) STRICT;

-- One row per version of an asset's month. Current ones have no dropped_rev. What the head is summed up from stands
-- before the blob, so that summing does not read it.
CREATE TABLE segments (
    id INTEGER PRIMARY KEY,
    asset TEXT NOT NULL,
    month INTEGER NOT NULL,
    content BLOB NOT NULL,
    size INTEGER NOT NULL,
    schema INTEGER NOT NULL REFERENCES schemas (id),
    created_rev INTEGER NOT NULL,
    dropped_rev INTEGER,
    partitions INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    spec BLOB,
    dirty INTEGER NOT NULL,
    records BLOB NOT NULL
) STRICT;
CREATE INDEX segments_asset ON segments (asset, month);
CREATE UNIQUE INDEX segments_current ON segments (asset, month) WHERE dropped_rev IS NULL;
CREATE INDEX segments_dropped ON segments (dropped_rev) WHERE dropped_rev IS NOT NULL;

-- What `gc` removed: snapshots of the revisions in [created_rev, dropped_rev) are no longer whole.
CREATE TABLE collected (
    created_rev INTEGER NOT NULL,
    dropped_rev INTEGER NOT NULL,
    PRIMARY KEY (created_rev, dropped_rev)
) STRICT, WITHOUT ROWID;

-- The summary of each asset that planning starts from. `version` moves with every change of the asset's ledger.
CREATE TABLE heads (
    asset TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    static INTEGER NOT NULL,
    spec BLOB NOT NULL,
    uniform INTEGER NOT NULL,
    tip_rev INTEGER NOT NULL,
    verified_rev INTEGER NOT NULL,
    partitions INTEGER NOT NULL,
    first INTEGER,
    last INTEGER,
    dirty INTEGER NOT NULL,
    folder_mtime INTEGER,
    manifest BLOB NOT NULL
) STRICT;

CREATE TABLE specs (
    asset TEXT NOT NULL,
    spec BLOB NOT NULL,
    text TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (asset, spec)
) STRICT, WITHOUT ROWID;

CREATE TABLE source_files (
    asset TEXT NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    content BLOB NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (asset, path)
) STRICT;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    command TEXT NOT NULL,
    selection TEXT NOT NULL,
    plan TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    start_rev INTEGER NOT NULL,
    finished_at INTEGER,
    end_rev INTEGER,
    status TEXT NOT NULL
) STRICT;

CREATE TABLE run_assets (
    run INTEGER NOT NULL REFERENCES runs (id),
    asset TEXT NOT NULL,
    status TEXT NOT NULL,
    planned INTEGER NOT NULL,
    ran BLOB NOT NULL,
    changed INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    seconds REAL NOT NULL,
    error TEXT,
    PRIMARY KEY (run, asset)
) STRICT;

CREATE TABLE checks (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (id),
    asset TEXT NOT NULL,
    session INTEGER NOT NULL,
    name TEXT NOT NULL,
    severity TEXT NOT NULL,
    message TEXT NOT NULL
) STRICT;
CREATE INDEX checks_run ON checks (run);

-- Who holds an asset's lock, for the message to whom it is refused. The truth is the lock on the file.
CREATE TABLE lock_holders (
    asset TEXT PRIMARY KEY,
    run INTEGER NOT NULL
) STRICT;

-- The revision that the warehouse shows, behind the newest one when a run was killed before it could publish; and the folder that
-- its views name, another than this one when the store was moved or copied.
CREATE TABLE published (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    rev INTEGER NOT NULL,
    root TEXT NOT NULL
) STRICT;
