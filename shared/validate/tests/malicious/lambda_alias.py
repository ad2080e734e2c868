import functools

apply_all = functools.partial(compile, "1", "x", "eval")
print(apply_all())
