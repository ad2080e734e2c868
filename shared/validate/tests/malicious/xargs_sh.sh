echo id | xargs -I{} sh -c '{}'
