"""Simulates people who wait in a shop."""

import random
from dataclasses import dataclass, field
from heapq import heappop, heappush


@dataclass(order=True)
class Event:
    """Something that happens at a time."""

    time: float
    kind: str = field(compare=False)


def simulate(hours: float, per_hour: float, minutes: float, seed: int = 1) -> float:
    """The mean time of waiting, in minutes."""
    source = random.Random(seed)
    events = [Event(source.expovariate(per_hour / 60), "arrives")]
    free_at = waited = served = 0.0
    while events and events[0].time < hours * 60:
        event = heappop(events)
        begins = max(event.time, free_at)
        waited += begins - event.time
        served += 1
        free_at = begins + source.gauss(minutes, minutes / 4)
        heappush(events, Event(event.time + source.expovariate(per_hour / 60), "arrives"))
    return waited / served if served else 0.0


print(f"{simulate(8, 20, 2.5):.1f} minutes")
