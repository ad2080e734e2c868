import asyncio


async def main():
    """Connects."""
    task = asyncio.create_task(asyncio.sleep(0))
    await task.get_loop().create_connection(asyncio.Future, "203.0.113.9", 4444)


asyncio.run(main())
