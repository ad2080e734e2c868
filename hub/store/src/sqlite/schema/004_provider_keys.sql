-- Keys of models' providers, encrypted under a master key that is not in here.
CREATE TABLE provider_keys (
    workspace_id TEXT NOT NULL,
    provider     TEXT NOT NULL,
    -- The id of the master key that opens it.
    master_key   BLOB NOT NULL CHECK (length(master_key) = 8),
    sealed       BLOB NOT NULL,
    -- The last characters of the key, where it is long enough to tell them.
    hint         TEXT,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, provider)
) STRICT, WITHOUT ROWID;
