import threading
from typing import Any

import numpy as np
import pytest

from hepatica.inference.together import Ask, run_together


def square(numbers: list[int], points: np.ndarray) -> list[Any]:
    return [float(p @ p) for p in points]


def test_all_that_are_busy_are_answered_at_once() -> None:
    seen: list[list[int]] = []

    def evaluate(numbers: list[int], points: np.ndarray) -> list[Any]:
        seen.append(numbers)
        return square(numbers, points)

    def work(me: int, ask: Ask) -> float:
        return sum(ask(np.array([float(me), float(k)])) for k in range(me + 1))

    results = run_together(5, work, evaluate, 3)
    assert results == [sum(me**2 + k**2 for k in range(me + 1)) for me in range(5)]
    assert seen[0] == [0, 1, 2]
    assert max(len(s) for s in seen) == 3
    assert sum(len(s) for s in seen) == 15


@pytest.mark.parametrize("where", ["evaluate", "work"])
def test_an_error_stops_the_others_and_is_passed_on(where: str) -> None:
    before = threading.active_count()

    def evaluate(numbers: list[int], points: np.ndarray) -> list[Any]:
        if where == "evaluate" and points.max() > 5:
            raise ArithmeticError("evaluate")
        return square(numbers, points)

    def work(me: int, ask: Ask) -> None:
        for k in range(100):
            ask(np.array([float(k)]))
            if where == "work" and me == 1 and k == 7:
                raise ArithmeticError("work")

    with pytest.raises(ArithmeticError, match=where):
        run_together(4, work, evaluate, 4)
    assert threading.active_count() == before


def test_nothing_to_do() -> None:
    assert run_together(0, lambda _me, _ask: None, square, 4) == []
    assert run_together(2, lambda me, _ask: me, square, 4) == [0, 1]
