-- Times are milliseconds since 1970 by the hub's clock. Every table that holds
-- a user's data names the workspace.

CREATE TABLE hub (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    session_epoch INTEGER NOT NULL
) STRICT;
INSERT INTO hub (id, session_epoch) VALUES (1, 0);

CREATE TABLE workspaces (
    workspace_id  TEXT PRIMARY KEY,
    -- Grows with every change of the files.
    files_version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE files (
    workspace_id TEXT NOT NULL,
    path         TEXT NOT NULL,
    hash         TEXT NOT NULL,
    size         INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, path)
) STRICT, WITHOUT ROWID;

-- The files of a workspace at one version; tasks that begin at that version share it.
CREATE TABLE snapshots (
    snapshot_id  INTEGER PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    version      INTEGER NOT NULL,
    UNIQUE (workspace_id, version)
) STRICT;

CREATE TABLE snapshot_files (
    snapshot_id  INTEGER NOT NULL REFERENCES snapshots (snapshot_id) ON DELETE CASCADE,
    workspace_id TEXT NOT NULL,
    path         TEXT NOT NULL,
    hash         TEXT NOT NULL,
    size         INTEGER NOT NULL,
    PRIMARY KEY (snapshot_id, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX snapshot_files_by_hash ON snapshot_files (snapshot_id, hash);

CREATE TABLE tasks (
    -- The place in the queue: the order in which tasks were accepted.
    position          INTEGER PRIMARY KEY,
    task_id           TEXT NOT NULL UNIQUE,
    workspace_id      TEXT NOT NULL,
    user_input        TEXT NOT NULL,
    status            TEXT NOT NULL CHECK (status IN
        ('pending', 'running', 'waiting_approval', 'completed', 'failed', 'cancelled')),
    agent_name        TEXT NOT NULL,
    agent             TEXT NOT NULL,
    first_tool        TEXT,
    session_id        TEXT,
    idempotency_key   TEXT,
    model_used        TEXT,
    output            TEXT,
    error             TEXT,
    input_tokens      INTEGER NOT NULL DEFAULT 0,
    output_tokens     INTEGER NOT NULL DEFAULT 0,
    tool_calls        INTEGER NOT NULL DEFAULT 0,
    cost_nano_usd     INTEGER NOT NULL DEFAULT 0,
    steps             INTEGER NOT NULL DEFAULT 0,
    context_sources   TEXT NOT NULL DEFAULT '[]',
    execution_time_ms INTEGER,
    -- The number of the last lease, and the last attempt.
    fence             INTEGER NOT NULL DEFAULT 0,
    attempt_id        TEXT,
    snapshot_id       INTEGER REFERENCES snapshots (snapshot_id) ON DELETE SET NULL,
    created_at        INTEGER NOT NULL,
    started_at        INTEGER,
    completed_at      INTEGER
) STRICT;
CREATE INDEX tasks_pending ON tasks (position) WHERE status = 'pending';
CREATE INDEX tasks_by_workspace ON tasks (workspace_id, position);
CREATE INDEX tasks_by_snapshot ON tasks (snapshot_id) WHERE snapshot_id IS NOT NULL;

CREATE TABLE idempotency (
    workspace_id TEXT NOT NULL,
    key          TEXT NOT NULL,
    task_id      TEXT NOT NULL REFERENCES tasks (task_id),
    request_hash BLOB NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE steps (
    task_id      TEXT NOT NULL REFERENCES tasks (task_id),
    seq          INTEGER NOT NULL CHECK (seq > 0),
    workspace_id TEXT NOT NULL,
    kind         TEXT NOT NULL,
    fence        INTEGER NOT NULL,
    recorded_at  INTEGER NOT NULL,
    entry        TEXT NOT NULL,
    PRIMARY KEY (task_id, seq)
) STRICT;

CREATE TABLE leases (
    task_id      TEXT PRIMARY KEY REFERENCES tasks (task_id),
    workspace_id TEXT NOT NULL,
    edge_id      TEXT NOT NULL,
    attempt_id   TEXT NOT NULL UNIQUE,
    fence        INTEGER NOT NULL,
    acquired_at  INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX leases_by_edge ON leases (edge_id);
CREATE INDEX leases_by_expiry ON leases (expires_at);

CREATE TABLE edges (
    edge_id       TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    joined_at     INTEGER NOT NULL,
    revoked_at    INTEGER,
    last_seen_at  INTEGER,
    boot_id       TEXT,
    version       TEXT,
    session_epoch INTEGER
) STRICT;

CREATE TABLE join_tokens (
    hash       BLOB PRIMARY KEY,
    name       TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER,
    used_by    TEXT REFERENCES edges (edge_id)
) STRICT;

CREATE TABLE api_keys (
    key_id       TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    prefix       TEXT NOT NULL,
    hash         BLOB NOT NULL UNIQUE,
    workspace_id TEXT NOT NULL,
    scopes       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER
) STRICT;
