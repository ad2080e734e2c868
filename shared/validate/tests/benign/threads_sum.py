"""Adds numbers up in threads."""

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed


class Total:
    """A sum that threads share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.value = 0

    def add(self, number: int) -> None:
        """Adds to it."""
        with self._lock:
            self.value += number


total = Total()
with ThreadPoolExecutor(max_workers=4) as pool:
    waiting = [pool.submit(total.add, number) for number in range(100)]
    for done in as_completed(waiting):
        done.result()
print(total.value)
