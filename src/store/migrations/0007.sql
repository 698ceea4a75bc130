-- Outcomes of checks. Consecutive sessions that passed are one row, a session that did not is one of its own. `run` is null where a
-- check was run by itself. Of what was recorded before this was kept, only what failed is known.
CREATE TABLE check_results (
    id INTEGER PRIMARY KEY,
    run INTEGER REFERENCES runs (id),
    at INTEGER NOT NULL,
    asset TEXT NOT NULL,
    name TEXT NOT NULL,
    subject TEXT NOT NULL,
    severity TEXT NOT NULL,
    outcome TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    sessions INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    violations INTEGER NOT NULL,
    message TEXT,
    sample TEXT NOT NULL
) STRICT;
INSERT INTO check_results (id, run, at, asset, name, subject, severity, outcome, first, last, sessions, rows, violations, message, sample)
    SELECT c.id, c.run, r.started_at, c.asset, c.name, '', c.severity,
        CASE c.severity WHEN 'warn' THEN 'warned' ELSE 'failed' END, c.session, c.session, 1, 0, 0, c.message, '[]'
    FROM checks c JOIN runs r ON r.id = c.run ORDER BY c.id;
DROP TABLE checks;
CREATE INDEX check_results_run ON check_results (run);
CREATE INDEX check_results_asset ON check_results (asset, name, subject);
