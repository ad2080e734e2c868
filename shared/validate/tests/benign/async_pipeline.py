"""Works on items one after the other and some at a time."""

import asyncio
from collections.abc import AsyncIterator, Iterable


async def numbers(limit: int) -> AsyncIterator[int]:
    """Counts, giving way to others."""
    for number in range(limit):
        await asyncio.sleep(0)
        yield number


async def work(item: int, gate: asyncio.Semaphore) -> int:
    """Squares, some at a time."""
    async with gate:
        await asyncio.sleep(0.001)
        return item * item


async def main(items: Iterable[int]) -> list[int]:
    """All of them, in order."""
    gate = asyncio.Semaphore(4)
    return await asyncio.gather(*(work(item, gate) for item in items))


if __name__ == "__main__":
    print(asyncio.run(main(range(10))))
