-- What is to run, runs, and has run, by order of whoever asked for it. `resolved` is the job with everything in it resolved, `claims`
-- what it takes a share of, `runs` the numbers of the runs that it came to: all JSON.
CREATE TABLE requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job TEXT NOT NULL,
    resolved TEXT NOT NULL,
    origin TEXT NOT NULL,
    of TEXT,
    due INTEGER,
    why TEXT NOT NULL,
    priority INTEGER NOT NULL,
    claims TEXT NOT NULL,
    retry_of INTEGER,
    status TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER,
    wanted TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    runs TEXT NOT NULL DEFAULT '[]',
    error TEXT,
    error_kind TEXT
) STRICT;
CREATE INDEX requests_open ON requests (status) WHERE finished_at IS NULL;
CREATE INDEX requests_job ON requests (job, id);

-- What each sensor remembers (JSON), when it looked last, and what became of it.
CREATE TABLE sensors (
    name TEXT PRIMARY KEY,
    memory TEXT NOT NULL,
    looked_at INTEGER NOT NULL,
    decision TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Who holds the lock of the daemon, and since when. That it is held is for the lock to say.
CREATE TABLE daemon (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    who TEXT NOT NULL,
    since INTEGER NOT NULL
) STRICT;
