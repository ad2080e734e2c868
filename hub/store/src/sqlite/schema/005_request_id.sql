-- The request that asked for a task: what its log lines carry on both machines.
ALTER TABLE tasks ADD COLUMN request_id TEXT;
