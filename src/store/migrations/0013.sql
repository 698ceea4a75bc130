-- Which content of which partition a sink has, under the target there (a table, a stream, a folder). `content` covers what was published of it,
-- `rev` is the commit at which that was current.
CREATE TABLE sink_partitions (
    sink TEXT NOT NULL,
    target TEXT NOT NULL,
    asset TEXT NOT NULL,
    session INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    content BLOB NOT NULL,
    rows INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (sink, target, asset, session)
) STRICT, WITHOUT ROWID;

-- How publishing goes: what failed last, since when and how often, and when it is tried again. No row where nothing is wrong.
CREATE TABLE sink_troubles (
    sink TEXT NOT NULL,
    target TEXT NOT NULL,
    asset TEXT NOT NULL,
    failures INTEGER NOT NULL,
    since INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (sink, target, asset)
) STRICT, WITHOUT ROWID;
