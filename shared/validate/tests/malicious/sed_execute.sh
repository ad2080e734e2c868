echo x | sed 's/x/id/e'
