-- Where a task may be worked on, where what it says may go, and who pays.
ALTER TABLE tasks ADD COLUMN on_edge_lost TEXT NOT NULL DEFAULT 'wait'
    CHECK (on_edge_lost IN ('wait', 'elsewhere', 'fail'));
ALTER TABLE tasks ADD COLUMN privacy TEXT NOT NULL DEFAULT 'any'
    CHECK (privacy IN ('any', 'local_only'));
ALTER TABLE tasks ADD COLUMN key_id TEXT;
UPDATE tasks SET on_edge_lost = coalesce(json_extract(agent, '$.on_edge_lost'), 'wait')
    WHERE status IN ('pending', 'running', 'waiting_approval');
CREATE INDEX tasks_elsewhere ON tasks (workspace_id, priority DESC, position)
    WHERE status = 'pending' AND on_edge_lost = 'elsewhere';

-- The hub's own executor stands among the edges, and is none.
ALTER TABLE edges ADD COLUMN is_hub INTEGER NOT NULL DEFAULT 0 CHECK (is_hub IN (0, 1));
CREATE UNIQUE INDEX edges_hub ON edges (is_hub) WHERE is_hub = 1;
