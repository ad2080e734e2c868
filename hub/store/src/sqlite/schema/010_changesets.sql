-- What the steps of a run that has not ended changed, on top of the snapshot
-- that its task began with. Without a hash: the run deleted the file.
CREATE TABLE task_files (
    task_id      TEXT NOT NULL REFERENCES tasks (task_id),
    path         TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    hash         TEXT,
    size         INTEGER,
    modified_at  INTEGER,
    PRIMARY KEY (task_id, path),
    CHECK ((hash IS NULL) = (size IS NULL) AND (hash IS NULL) = (modified_at IS NULL))
) STRICT, WITHOUT ROWID;

-- Contents that the executors of a run that has not ended brought. Only these,
-- and those of its snapshot, can be what a step writes.
CREATE TABLE task_blobs (
    task_id      TEXT NOT NULL REFERENCES tasks (task_id),
    hash         TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    size         INTEGER NOT NULL,
    PRIMARY KEY (task_id, hash)
) STRICT, WITHOUT ROWID;
