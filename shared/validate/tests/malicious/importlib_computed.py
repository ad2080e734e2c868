import importlib

m = importlib.import_module("".join(["o", "s"]))
m.system("id")
