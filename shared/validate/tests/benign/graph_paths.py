"""Shortest paths in a graph of streets."""

import heapq
import math
from collections import deque

Graph = dict[str, dict[str, float]]


def shortest(graph: Graph, start: str, goal: str) -> tuple[float, list[str]]:
    """Dijkstra's algorithm: the length and the way."""
    queue: list[tuple[float, str, list[str]]] = [(0.0, start, [start])]
    seen: set[str] = set()
    while queue:
        length, node, way = heapq.heappop(queue)
        if node == goal:
            return length, way
        if node in seen:
            continue
        seen.add(node)
        for neighbour, distance in graph.get(node, {}).items():
            heapq.heappush(queue, (length + distance, neighbour, [*way, neighbour]))
    return math.inf, []


def reachable(graph: Graph, start: str) -> set[str]:
    """Everything that can be got to."""
    found, waiting = {start}, deque([start])
    while waiting:
        for neighbour in graph.get(waiting.popleft(), {}):
            if neighbour not in found:
                found.add(neighbour)
                waiting.append(neighbour)
    return found
