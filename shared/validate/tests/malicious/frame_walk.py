def gen():
    """Yields once."""
    yield g.gi_frame.f_back.f_builtins["open"]


g = gen()
print(next(g)("secret").read())
