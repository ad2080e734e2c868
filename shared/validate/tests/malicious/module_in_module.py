import json

json.codecs.builtins.exec("print(1)")
