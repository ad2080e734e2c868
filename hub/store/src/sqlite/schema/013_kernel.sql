-- What the kernel's plugins did, and what its collectors recorded. A date is a
-- day in UTC, such as 2026-11-21. A cost is in US dollars, an exact decimal.

-- One execution of a plugin. It is closed with its outcome, or by the next start
-- of the hub where its process is gone.
CREATE TABLE runs (
    -- The order in which runs began.
    position    INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    plugin_name TEXT NOT NULL,
    status      TEXT NOT NULL
        CHECK (status IN ('running', 'success', 'failed', 'partial', 'skipped')),
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    error       TEXT,
    -- What the plugin answered, and counts and times of its run, as JSON.
    data        TEXT,
    metadata    TEXT NOT NULL DEFAULT '{}',
    CHECK ((status = 'running') = (finished_at IS NULL))
) STRICT;
CREATE INDEX runs_by_plugin ON runs (plugin_name, position);
CREATE INDEX runs_by_status ON runs (status, position);

-- What a provider billed for a day, as it said last.
CREATE TABLE results (
    id         TEXT NOT NULL PRIMARY KEY,
    run_id     TEXT NOT NULL REFERENCES runs (id),
    provider   TEXT NOT NULL,
    date       TEXT NOT NULL,
    tokens     INTEGER NOT NULL CHECK (tokens >= 0),
    cost       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- 1, and one more with each time that the provider changed it.
    revision   INTEGER NOT NULL CHECK (revision >= 1),
    raw_json   TEXT NOT NULL,
    UNIQUE (provider, date)
) STRICT;
-- Totals and exports are read from it alone: the rows are as long as the
-- providers' answers.
CREATE INDEX results_by_date ON results (date, provider, tokens, cost, created_at, revision, id, run_id);

-- What was recorded for a day before the provider changed it.
CREATE TABLE result_history (
    id          TEXT NOT NULL PRIMARY KEY,
    run_id      TEXT NOT NULL REFERENCES runs (id),
    provider    TEXT NOT NULL,
    date        TEXT NOT NULL,
    tokens      INTEGER NOT NULL,
    cost        TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    raw_json    TEXT NOT NULL,
    replaced_at INTEGER NOT NULL,
    -- The run that found the change.
    replaced_by TEXT NOT NULL REFERENCES runs (id),
    UNIQUE (provider, date, revision)
) STRICT;

-- Since when the times of a job of the hub's own count: all of them up to then
-- are in job_slots.
CREATE TABLE jobs (
    job   TEXT NOT NULL PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What became of each time of such a job: the newest that has passed is run,
-- older ones are missed.
CREATE TABLE job_slots (
    job        TEXT NOT NULL,
    slot       INTEGER NOT NULL,
    status     TEXT NOT NULL CHECK (status IN ('running', 'run', 'failed', 'missed')),
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    error      TEXT,
    PRIMARY KEY (job, slot),
    CHECK ((status = 'running') = (ended_at IS NULL))
) STRICT, WITHOUT ROWID;
