-- Why the policy wants a call confirmed.
ALTER TABLE approval_queue ADD COLUMN reasons TEXT NOT NULL DEFAULT '[]';
