import copy


class X:
    """Is copied."""


setattr(X, "__red" + "uce__", lambda self: (print, ("owned",)))
copy.copy(X())
