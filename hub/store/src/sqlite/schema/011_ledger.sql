-- What calls of models may cost, and what they cost. Amounts are billionths of
-- a US dollar; a period is a calendar month in UTC, such as 2026-11.

-- A call that was metered. It is open, and what it may cost is reserved, until
-- it has an outcome. It outlives its task: money that was spent stays spent.
CREATE TABLE model_calls (
    -- The order in which calls were written.
    position              INTEGER PRIMARY KEY,
    call_id               TEXT NOT NULL UNIQUE,
    workspace_id          TEXT NOT NULL,
    key_id                TEXT NOT NULL,
    task_id               TEXT,
    request_id            TEXT,
    -- The model that was asked for, and the one that the response named.
    requested             TEXT NOT NULL,
    deployment            TEXT NOT NULL,
    provider              TEXT NOT NULL,
    model                 TEXT,
    -- That of created_at; what the call costs counts there.
    period                TEXT NOT NULL,
    reserved_nano         INTEGER NOT NULL CHECK (reserved_nano >= 0),
    outcome               TEXT CHECK (outcome IN ('completed', 'failed', 'abandoned', 'lost')),
    cost_nano             INTEGER CHECK (cost_nano >= 0),
    estimated             INTEGER NOT NULL DEFAULT 0 CHECK (estimated IN (0, 1)),
    input_tokens          INTEGER NOT NULL DEFAULT 0,
    cache_read_tokens     INTEGER NOT NULL DEFAULT 0,
    cache_write_tokens    INTEGER NOT NULL DEFAULT 0,
    cache_write_1h_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens         INTEGER NOT NULL DEFAULT 0,
    reasoning_tokens      INTEGER NOT NULL DEFAULT 0,
    error_code            TEXT,
    attempts              TEXT NOT NULL DEFAULT '[]',
    first_token_ms        INTEGER,
    duration_ms           INTEGER,
    created_at            INTEGER NOT NULL,
    expires_at            INTEGER NOT NULL,
    settled_at            INTEGER,
    CHECK ((outcome IS NULL) = (cost_nano IS NULL) AND (outcome IS NULL) = (settled_at IS NULL))
) STRICT;
CREATE INDEX model_calls_by_workspace ON model_calls (workspace_id, position);
CREATE INDEX model_calls_by_period ON model_calls (period);
CREATE INDEX model_calls_open ON model_calls (expires_at) WHERE outcome IS NULL;

-- Limits for a month. That of the whole installation is in the configuration.
CREATE TABLE budgets (
    scope_kind TEXT NOT NULL CHECK (scope_kind IN ('workspace', 'key')),
    scope_id   TEXT NOT NULL,
    limit_nano INTEGER NOT NULL CHECK (limit_nano >= 0),
    on_limit   TEXT NOT NULL CHECK (on_limit IN ('refuse', 'local_only')),
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (scope_kind, scope_id)
) STRICT, WITHOUT ROWID;

-- The sums over the calls of a month, changed with each call in its transaction.
CREATE TABLE spend (
    period        TEXT NOT NULL,
    scope_kind    TEXT NOT NULL CHECK (scope_kind IN ('installation', 'workspace', 'key')),
    -- Empty for the installation.
    scope_id      TEXT NOT NULL,
    settled_nano  INTEGER NOT NULL CHECK (settled_nano >= 0),
    reserved_nano INTEGER NOT NULL CHECK (reserved_nano >= 0),
    calls         INTEGER NOT NULL CHECK (calls >= 0),
    PRIMARY KEY (period, scope_kind, scope_id)
) STRICT, WITHOUT ROWID;

-- Of which budgets somebody was told that they are nearly used up.
CREATE TABLE budget_alerts (
    period             TEXT NOT NULL,
    scope_kind         TEXT NOT NULL CHECK (scope_kind IN ('installation', 'workspace', 'key')),
    scope_id           TEXT NOT NULL,
    threshold_permille INTEGER NOT NULL,
    told_at            INTEGER NOT NULL,
    PRIMARY KEY (period, scope_kind, scope_id, threshold_permille)
) STRICT, WITHOUT ROWID;
