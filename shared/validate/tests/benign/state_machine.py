"""A door as a state machine."""

from enum import Enum, auto


class State(Enum):
    """What the door is like."""

    OPEN = auto()
    CLOSED = auto()
    LOCKED = auto()


TRANSITIONS = {
    (State.OPEN, "close"): State.CLOSED,
    (State.CLOSED, "open"): State.OPEN,
    (State.CLOSED, "lock"): State.LOCKED,
    (State.LOCKED, "unlock"): State.CLOSED,
}


class Door:
    """Changes by what is done to it."""

    def __init__(self) -> None:
        self.state = State.CLOSED
        self.history: list[State] = [self.state]

    def do(self, action: str) -> State:
        """Does something, or says that it cannot be done."""
        match (self.state, action):
            case (State.LOCKED, "open"):
                raise RuntimeError("unlock it first")
            case (state, verb) if (state, verb) in TRANSITIONS:
                self.state = TRANSITIONS[state, verb]
                self.history.append(self.state)
            case _:
                raise ValueError(f"{action} does nothing to a door that is {self.state.name}")
        return self.state
