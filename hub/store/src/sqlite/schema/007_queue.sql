-- Whose turn it is: workspaces take turns, and within one its own order counts.
ALTER TABLE tasks ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN tier TEXT NOT NULL DEFAULT 'local-fast';
UPDATE tasks SET tier = json_extract(agent, '$.model_tier') 
    WHERE status IN ('pending', 'running', 'waiting_approval');
DROP INDEX tasks_pending;
CREATE INDEX tasks_pending ON tasks (workspace_id, priority DESC, position)
    WHERE status = 'pending';
CREATE INDEX leases_by_workspace ON leases (workspace_id);

-- The number of the last claim of a workspace.
CREATE TABLE turns (
    workspace_id TEXT PRIMARY KEY,
    turn         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
