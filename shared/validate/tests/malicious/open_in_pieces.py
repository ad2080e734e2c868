path = "/".join(["", "etc", "shadow"])
with open(path) as file:
    print(file.read())
