-- What waits for a person, and what was decided. A row is decided once.
CREATE TABLE approval_queue (
    position        INTEGER PRIMARY KEY,
    proposal_id     TEXT NOT NULL UNIQUE,
    workspace_id    TEXT NOT NULL,
    type            TEXT NOT NULL CHECK (type IN ('new_skill', 'modify_skill', 'new_agent',
        'modify_agent', 'config_change', 'tool_call', 'unknown_outcome')),
    status          TEXT NOT NULL CHECK (status IN
        ('pending', 'approved', 'rejected', 'applied', 'expired')),
    title           TEXT NOT NULL,
    rationale       TEXT NOT NULL,
    task_id         TEXT NOT NULL REFERENCES tasks (task_id),
    agent_name      TEXT NOT NULL,
    call            TEXT NOT NULL,
    class           TEXT NOT NULL,
    -- Of the tool's name and the exact arguments.
    content_hash    TEXT NOT NULL,
    idempotency_key TEXT,
    called_at       INTEGER,
    decision        TEXT,
    reviewer        TEXT,
    reviewer_notes  TEXT,
    created_at      INTEGER NOT NULL,
    reviewed_at     INTEGER,
    applied_at      INTEGER,
    expires_at      INTEGER,
    -- The status that was told last to those who are to be told.
    told            TEXT
) STRICT;
CREATE INDEX approvals_by_workspace ON approval_queue (workspace_id, status, position);
CREATE INDEX approvals_by_task ON approval_queue (task_id, position);
-- A task waits for one decision at a time.
CREATE UNIQUE INDEX approvals_waiting ON approval_queue (task_id) WHERE status = 'pending';
CREATE INDEX approvals_expiring ON approval_queue (expires_at)
    WHERE status = 'pending' AND expires_at IS NOT NULL;
CREATE INDEX approvals_untold ON approval_queue (position)
    WHERE told IS NOT status AND status IN ('pending', 'expired');

-- Tools that a person let an agent call without being asked again.
CREATE TABLE tool_grants (
    workspace_id TEXT NOT NULL,
    agent_name   TEXT NOT NULL,
    tool         TEXT NOT NULL,
    proposal_id  TEXT NOT NULL REFERENCES approval_queue (proposal_id),
    granted_by   TEXT NOT NULL,
    granted_at   INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, agent_name, tool)
) STRICT, WITHOUT ROWID;

-- Who decided what, when and why. Rows are only ever added.
CREATE TABLE audit (
    seq          INTEGER PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    at           INTEGER NOT NULL,
    actor        TEXT NOT NULL,
    action       TEXT NOT NULL,
    subject      TEXT NOT NULL,
    detail       TEXT
) STRICT;
CREATE INDEX audit_by_workspace ON audit (workspace_id, seq);
