"""Many optimizers that advance together, so that what they ask for is computed at once.

Each runs in a thread of its own as its library wrote it; when all that are busy wait for an evaluation, the points are
evaluated as one batch. What one of them sees never depends on the others.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepatica.solver.run import leave_interrupts

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
    state = {"finished": 0, "stopped": False, "failed": False}

    def ready() -> bool:
        """Whether all that can be busy wait, or nothing is left to wait for."""
        left = count - state["finished"]
        return bool(state["failed"]) or left == 0 or len(asked) == min(at_once, left)

    def ask(me: int, point: Array) -> Any:
        with gate:
            asked[me] = np.array(point, float)
            gate.notify_all()
            gate.wait_for(lambda: me in answers or state["stopped"])
            if state["stopped"]:
                raise Stopped
            return answers.pop(me)

    def run(me: int) -> Any:
        try:
            return work(me, lambda point: ask(me, point))
        except BaseException:
            state["failed"] = True
            raise
        finally:
            with gate:
                state["finished"] += 1
                gate.notify_all()

    with ThreadPoolExecutor(at_once, thread_name_prefix="optimizer", initializer=leave_interrupts) as pool:
        futures = [pool.submit(run, me) for me in range(count)]
        try:
            while True:
                with gate:
                    gate.wait_for(ready)
                    numbers = sorted(asked)
                    points = [asked.pop(n) for n in numbers]
                    if state["failed"] or state["finished"] == count:
                        break
                found = evaluate(numbers, np.array(points))
                with gate:
                    answers.update(zip(numbers, found, strict=True))
                    gate.notify_all()
                    gate.wait_for(lambda: not answers or state["failed"])
        finally:
            with gate:
                state["stopped"] = True
                gate.notify_all()
            pool.shutdown(cancel_futures=True)
    for future in futures:
        error = None if future.cancelled() else future.exception()
        if error is not None and not isinstance(error, Stopped):
            raise error
    return [future.result() for future in futures]
