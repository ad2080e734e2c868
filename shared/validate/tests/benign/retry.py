"""Calls something again where it fails."""

import logging
import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
logger = logging.getLogger(__name__)


def retry(times: int, wait: float = 0.1) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: tries so often, waiting longer each time."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            for attempt in range(1, times + 1):
                try:
                    return function(*args, **kwargs)
                except OSError:
                    if attempt == times:
                        raise
                    logger.warning("%s failed, attempt %d", function.__name__, attempt)
                    time.sleep(wait * 2**attempt * random.uniform(0.5, 1.5))
            raise AssertionError("unreachable")

        return wrapper

    return decorate
