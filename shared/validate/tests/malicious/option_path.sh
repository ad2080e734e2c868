sort --output=/etc/cron.d/x memory/a
