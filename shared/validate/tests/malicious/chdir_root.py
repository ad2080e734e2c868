from contextlib import chdir

with chdir("/"):
    print(open("etc/passwd").read())
