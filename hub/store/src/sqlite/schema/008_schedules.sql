-- Tasks that are to be made at certain times.
CREATE TABLE schedules (
    position     INTEGER PRIMARY KEY,
    schedule_id  TEXT NOT NULL UNIQUE,
    workspace_id TEXT NOT NULL,
    name         TEXT NOT NULL,
    -- Either an expression or one time.
    cron         TEXT,
    at           INTEGER,
    timezone     TEXT NOT NULL,
    task         TEXT NOT NULL,
    enabled      INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    -- The first slot that has no row; none while it is paused and when all are over.
    next_slot    INTEGER,
    -- When to look at it: at that slot, or later where that was held up.
    due_at       INTEGER,
    held_up      TEXT,
    created_by   TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    -- Its slots are removed piece by piece, and then its row.
    deleted      INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
    CHECK ((cron IS NULL) <> (at IS NULL)),
    CHECK ((next_slot IS NULL) = (due_at IS NULL)),
    CHECK (next_slot IS NULL OR (enabled = 1 AND deleted = 0)),
    CHECK (held_up IS NULL OR next_slot IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX schedules_by_name ON schedules (workspace_id, name) WHERE deleted = 0;
CREATE INDEX schedules_by_workspace ON schedules (workspace_id, position) WHERE deleted = 0;
CREATE INDEX schedules_due ON schedules (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX schedules_deleted ON schedules (position) WHERE deleted = 1;

-- Every time of a schedule that has passed, and what became of it. A row is
-- written once: so no slot is run twice.
CREATE TABLE schedule_slots (
    schedule_id  TEXT NOT NULL REFERENCES schedules (schedule_id),
    slot_at      INTEGER NOT NULL,
    workspace_id TEXT NOT NULL,
    status       TEXT NOT NULL CHECK (status IN ('run', 'missed', 'failed')),
    task_id      TEXT REFERENCES tasks (task_id),
    reason       TEXT,
    recorded_at  INTEGER NOT NULL,
    PRIMARY KEY (schedule_id, slot_at),
    CHECK ((status = 'run') = (task_id IS NOT NULL)),
    CHECK ((status = 'failed') = (reason IS NOT NULL))
) STRICT, WITHOUT ROWID;
