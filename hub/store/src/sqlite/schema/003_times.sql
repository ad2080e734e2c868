-- When a file's content was last changed, as its owner's machine said; 0 where
-- that is unknown. For what is there already, the time of its upload is the
-- best that is known.
ALTER TABLE files ADD COLUMN modified_at INTEGER NOT NULL DEFAULT 0;
UPDATE files SET modified_at = updated_at;

ALTER TABLE snapshot_files ADD COLUMN modified_at INTEGER NOT NULL DEFAULT 0;
UPDATE snapshot_files SET modified_at = coalesce(
    (SELECT files.modified_at FROM files
     WHERE files.workspace_id = snapshot_files.workspace_id
       AND files.path = snapshot_files.path AND files.hash = snapshot_files.hash),
    0);
