-- The queue is looked at ten times a second, however much lies behind it.
DROP INDEX requests_open;
CREATE INDEX requests_waiting ON requests (id) WHERE finished_at IS NULL;

-- Endings are numbered, for the clock may go back; `told`: who listens has been told of the end.
ALTER TABLE requests ADD COLUMN ended INTEGER;
ALTER TABLE requests ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
UPDATE requests SET told = 1, ended = ordered.place
FROM (SELECT id, row_number() OVER (ORDER BY finished_at, id) AS place FROM requests WHERE finished_at IS NOT NULL) AS ordered
WHERE requests.id = ordered.id;
CREATE INDEX requests_ended ON requests (ended) WHERE ended IS NOT NULL;
CREATE INDEX requests_job_ended ON requests (job, status, ended) WHERE ended IS NOT NULL;
CREATE INDEX requests_untold ON requests (ended) WHERE ended IS NOT NULL AND told = 0;
