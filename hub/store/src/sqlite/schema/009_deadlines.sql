-- How long executors have worked on a task in leases that have ended, in
-- milliseconds: what counts against its agent's timeout.
ALTER TABLE tasks ADD COLUMN worked_ms INTEGER NOT NULL DEFAULT 0;
