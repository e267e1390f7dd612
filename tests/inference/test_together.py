from typing import Any

import numpy as np
import pytest

from hepatica.inference.together import Work, run_together


def square(numbers: list[int], points: np.ndarray) -> list[Any]:
    return [float(p @ p) for p in points]


def test_all_that_are_busy_are_answered_at_once() -> None:
    seen: list[list[int]] = []

    def evaluate(numbers: list[int], points: np.ndarray) -> list[Any]:
        seen.append(numbers)
        return square(numbers, points)

    def work(me: int) -> Work:
        total = 0.0
        for k in range(me + 1):
            total += yield np.array([float(me), float(k)])
        return total

    results = run_together(5, work, evaluate, 3)
    assert results == [sum(me**2 + k**2 for k in range(me + 1)) for me in range(5)]
    assert seen[0] == [0, 1, 2]
    assert max(len(s) for s in seen) == 3
    assert sum(len(s) for s in seen) == 15


@pytest.mark.parametrize("where", ["evaluate", "work"])
def test_an_error_is_passed_on_and_the_others_are_closed(where: str) -> None:
    closed: list[int] = []

    def evaluate(numbers: list[int], points: np.ndarray) -> list[Any]:
        if where == "evaluate" and points.max() > 5:
            raise ArithmeticError("evaluate")
        return square(numbers, points)

    def work(me: int) -> Work:
        try:
            for k in range(100):
                yield np.array([float(k)])
                if where == "work" and me == 1 and k == 7:
                    raise ArithmeticError("work")
        finally:
            closed.append(me)
        return None

    with pytest.raises(ArithmeticError, match=where):
        run_together(4, work, evaluate, 4)
    assert sorted(closed) == [0, 1, 2, 3]


def silent(me: int) -> Work:
    return me
    yield


def test_nothing_to_do() -> None:
    assert run_together(0, silent, square, 4) == []
    assert run_together(5, silent, square, 2) == [0, 1, 2, 3, 4]
