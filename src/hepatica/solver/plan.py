"""Timed changes of an arm as segments between which nothing is changed from outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

KINDS = {"set": 0, "scale": 1, "add": 2}


@dataclass(frozen=True, slots=True)
class Operation:
    """One change with names resolved: ``index`` into the states or parameters, ``start`` ``None`` for always."""

    what: Literal["state", "parameter"]
    index: int
    how: Literal["set", "scale", "add"]
    value: float
    start: float | None = None
    stop: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The segments of all arms, flat, as the control loop reads them."""

    arrays: tuple[NDArray[np.int64] | NDArray[np.float64], ...]

    @property
    def arms(self) -> int:
        """Number of arms."""
        return len(self.arrays[0]) - 1


def plan_before(arms: Sequence[Sequence[Operation]]) -> Plan:
    """Plan pre-equilibration: one segment an arm with the changes that always hold."""
    return _flatten([[(0.0, [op for op in arm if op.start is None])] for arm in arms])


def plan_from(starts: Sequence[float]) -> Plan:
    """Plan arms that begin at given times and that nothing is done to."""
    return _flatten([[(float(start), [])] for start in starts])


def plan_after(arms: Sequence[Sequence[Operation]], *, equilibrated: bool) -> Plan:
    """Plan the experiment: a new segment wherever a change starts or stops.

    A parameter change holds from its start to its stop; a state change happens once, at its start. State changes that
    always hold were made before pre-equilibration; without one they are made first thing.
    """
    return _flatten([_segments(arm, equilibrated=equilibrated) for arm in arms])


def _segments(arm: Sequence[Operation], *, equilibrated: bool) -> list[tuple[float, list[Operation]]]:
    starts = {op.start for op in arm if op.start is not None}
    first = min(0.0, *starts) if starts else 0.0
    breaks = sorted({first, 0.0} | starts | {op.stop for op in arm if op.stop is not None and op.what == "parameter"})
    segments = []
    for begin in breaks:
        held = [
            op for op in arm
            if op.what == "parameter" and (op.start is None or op.start <= begin) and (op.stop is None or op.stop > begin)
        ]  # fmt: skip
        now = [op for op in arm if op.what == "state" and op.start == begin]
        if begin == first and not equilibrated:
            now = [op for op in arm if op.what == "state" and op.start is None] + now
        segments.append((begin, held + now))
    return segments


def _flatten(arms: Sequence[Sequence[tuple[float, Sequence[Operation]]]]) -> Plan:
    first, starts = [0], []
    tables: dict[str, tuple[list[int], list[int], list[int], list[float]]] = {
        "parameter": ([0], [], [], []),
        "state": ([0], [], [], []),
    }
    for segments in arms:
        for begin, operations in segments:
            starts.append(begin)
            for op in operations:
                _, index, how, value = tables[op.what]
                index.append(op.index)
                how.append(KINDS[op.how])
                value.append(op.value)
            for offsets, index, _how, _value in tables.values():
                offsets.append(len(index))
        first.append(len(starts))
    flat: list[NDArray[np.int64] | NDArray[np.float64]] = [np.array(first, np.int64), np.array(starts, np.float64)]
    for what in ("parameter", "state"):
        offsets, index, how, value = tables[what]
        flat += [np.array(a, np.int64) for a in (offsets, index, how)]
        flat.append(np.array(value, np.float64))
    return Plan(tuple(flat))
