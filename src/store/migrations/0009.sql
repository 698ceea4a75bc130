-- Until when the ticks of each schedule have been seen.
CREATE TABLE schedules (
    name TEXT PRIMARY KEY,
    seen_to INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Ticks that were decided, once each: the key keeps a second decision out. A tick that is `held` is not decided yet; its row is
-- replaced once it is.
CREATE TABLE ticks (
    schedule TEXT NOT NULL,
    due INTEGER NOT NULL,
    decided_at INTEGER NOT NULL,
    decision TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    run INTEGER REFERENCES runs (id),
    PRIMARY KEY (schedule, due)
) STRICT, WITHOUT ROWID;
CREATE INDEX ticks_due ON ticks (due);
CREATE INDEX ticks_held ON ticks (schedule) WHERE decision = 'held';

-- When schedules and sensors were paused and set going again, by whom and why. The last switch before an instant says how it was then.
CREATE TABLE switches (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    at INTEGER NOT NULL,
    paused INTEGER NOT NULL,
    who TEXT,
    why TEXT
) STRICT;
CREATE INDEX switches_name ON switches (name, at);
