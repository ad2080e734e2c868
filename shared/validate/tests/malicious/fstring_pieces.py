d = {}
print(getattr(d, f"__{'class'}__").__mro__)
