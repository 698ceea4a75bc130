-- What observers are still to tell: an event for one of them. Without a message it is open: more may come to be told with it.
CREATE TABLE notices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    observer TEXT NOT NULL,
    key TEXT NOT NULL,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    message INTEGER REFERENCES messages (id)
) STRICT;
CREATE INDEX notices_observer ON notices (observer, message);
CREATE INDEX notices_message ON notices (message);

-- Notices that are sent as one, and what became of that: `waiting`, `sent` or `given_up`. The notices of one that is over are gone; `events` says
-- how many there were.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    observer TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    events INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    state TEXT NOT NULL,
    next_at INTEGER NOT NULL,
    error TEXT
) STRICT;
CREATE INDEX messages_waiting ON messages (observer, next_at) WHERE state = 'waiting';

-- When an event with such a key was last kept for an observer, and how many like it were not kept since.
CREATE TABLE told (
    observer TEXT NOT NULL,
    key TEXT NOT NULL,
    at INTEGER NOT NULL,
    repeated INTEGER NOT NULL,
    PRIMARY KEY (observer, key)
) STRICT, WITHOUT ROWID;
