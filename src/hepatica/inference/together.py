"""Many optimizers that advance together, so that what they ask for is computed at once.

Each runs in a thread of its own as its library wrote it; when all that are busy wait for an evaluation, the points are
evaluated as one batch. What one of them sees never depends on the others.
"""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ask = Callable[[Array], Any]
Evaluate = Callable[[list[int], Array], list[Any]]


class Stopped(Exception):  # noqa: N818
    """The run was stopped; raised where an optimizer asks, and nowhere seen outside."""


def run_together(count: int, work: Callable[[int, Ask], Any], evaluate: Evaluate, at_once: int) -> list[Any]:
    """Run optimizers together.

    Parameters
    ----------
    count
        How many there are.
    work
        Called with the number of each and a function that it asks for evaluations with; gives its result.
    evaluate
        Called in this thread with the numbers of those that wait and their points, shape (waiting, parameter); gives what
        each is answered.
    at_once
        How many are busy at a time.

    Returns
    -------
    list
        The result of each.

    Raises
    ------
    BaseException
        What ``evaluate`` or an optimizer raises; the others are stopped first.
    """
    gate = threading.Condition()
    asked: dict[int, Array] = {}
    answers: dict[int, Any] = {}
    results: list[Any] = [None] * count
    broken: list[BaseException] = []
    state = {"busy": 0, "stopped": False}

    def ask(me: int, point: Array) -> Any:
        with gate:
            asked[me] = np.array(point, float)
            gate.notify_all()
            gate.wait_for(lambda: me in answers or state["stopped"])
            if state["stopped"]:
                raise Stopped
            return answers.pop(me)

    def run(me: int) -> None:
        try:
            results[me] = work(me, lambda point: ask(me, point))
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised again where the run was asked for
            broken.append(error)
        finally:
            with gate:
                state["busy"] -= 1
                gate.notify_all()

    threads: list[threading.Thread] = []
    try:
        while True:
            with gate:
                while state["busy"] < at_once and len(threads) < count:
                    state["busy"] += 1
                    threads.append(threading.Thread(target=run, args=(len(threads),), name=f"optimizer {len(threads)}"))
                    threads[-1].start()
                gate.wait_for(lambda: broken or len(asked) == state["busy"])
                if broken:
                    raise broken[0]
                if not state["busy"] and len(threads) == count:
                    return results
                numbers = sorted(asked)
                points = [asked.pop(n) for n in numbers]
            if numbers:
                found = evaluate(numbers, np.array(points))
                with gate:
                    answers.update(zip(numbers, found, strict=True))
                    gate.notify_all()
                    gate.wait_for(lambda: not answers or broken)
    finally:
        with gate:
            state["stopped"] = True
            gate.notify_all()
        for thread in threads:
            thread.join()
