import os as o

run = o.popen
print(run("id").read())
