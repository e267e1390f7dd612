"""Many optimizers that advance together, so that what they ask for is computed at once.

Each is a generator: it yields what it asks for and is sent the answer. What one of them sees never depends on the others.
"""

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Work = Generator[Array, Any, Any]
Evaluate = Callable[[list[int], Array], list[Any]]


def run_together(count: int, work: Callable[[int], Work], evaluate: Evaluate, at_once: int) -> list[Any]:
    """Run optimizers together.

    Parameters
    ----------
    count
        How many there are.
    work
        Called with the number of each; gives the generator, which yields points, is sent answers and returns its result.
    evaluate
        Called with the numbers of those that wait and their points, shape (waiting, parameter); gives what each is answered.
    at_once
        How many are busy at a time.

    Returns
    -------
    list
        The result of each.
    """
    results: list[Any] = [None] * count
    busy: dict[int, Work] = {}
    points: dict[int, Array] = {}
    following = 0

    def advance(me: int, answer: Any) -> None:
        try:
            points[me] = np.array(busy[me].send(answer), float)
        except StopIteration as done:
            results[me] = done.value
            del busy[me]

    while busy or following < count:
        while len(busy) < at_once and following < count:
            busy[following] = work(following)
            following += 1
            advance(following - 1, None)
        numbers = sorted(points)
        if not numbers:
            continue
        found = evaluate(numbers, np.array([points.pop(me) for me in numbers]))
        for me, answer in zip(numbers, found, strict=True):
            advance(me, answer)
    return results
