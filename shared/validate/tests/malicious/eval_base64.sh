eval "$(echo aWQK | base64 -d)"
