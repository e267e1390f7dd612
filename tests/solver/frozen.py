"""Recorded steps done again in complex numbers, dense and in plain NumPy: exact derivatives of what a run computed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hepatica.compiler.kernel import CLOCK, Tableau
from hepatica.compiler.lower import lower_outputs, lower_rhs
from hepatica.compiler.reference import Reference
from hepatica.compiler.targets.numpy import interpret
from hepatica.solver.notes import KEPT, KIND, READINGS, SEGMENT, STEP, STEPPED, TIME
from hepatica.solver.replay import reading_weights

TINY = 1e-40


@dataclass
class Start:
    """Everything that a run begins with: what a derivative can be taken by."""

    base: np.ndarray
    y0: np.ndarray | None
    added: np.ndarray  # to the initial state
    plan: tuple[np.ndarray, ...]


class Frozen:
    """One task's recorded steps as a function of what it began with."""

    def __init__(
        self, reference: Reference, tableau: Tableau, rows: tuple[np.ndarray, ...], task: int, times: np.ndarray
    ) -> None:
        self.system = reference.system
        graph, jacobian = self.system.graph, reference._jacobian
        self.jacobian = jacobian
        self.partials = lower_outputs("partials", graph, jacobian.partials, ("y", "p", "o"))
        self.rhs = lower_rhs(self.system)
        self.observe = lower_outputs("observe", graph, self.system.observed, ("y", "p", "o"))
        self.initial = lower_outputs("initial", graph, self.system.initial, ("p", "o"))
        order, offsets, where, when, _, hidden = rows[:6]
        self.rows = [(where[r], when[r], hidden[r]) for r in order[offsets[task] : offsets[task + 1]]]
        self.tableau, self.times = tableau, times
        self.table = reading_weights(tableau)
        self.timer = self.system.states.index(CLOCK) if CLOCK in self.system.states else -1

    def outputs(self, program: object, count: int, **arrays: np.ndarray) -> np.ndarray:
        o = np.zeros((count, 1), complex)
        interpret(program, {**{k: v[:, None] for k, v in arrays.items()}, "o": o})  # type: ignore[arg-type]
        return o[:, 0]

    def slope(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        b = np.zeros((len(y), 1), complex)
        w = np.zeros((len(self.system.rates), 1), complex)
        interpret(self.rhs, {"y": y[:, None], "p": p[:, None], "b": b, "w": w})
        return b[:, 0]

    def stages(self, y: np.ndarray, p: np.ndarray, h: float) -> list[np.ndarray]:
        partials = self.outputs(self.partials, len(self.jacobian.partials), y=y, p=p)
        matrix = np.eye(len(y), dtype=complex) / (h * self.tableau.gamma)
        for (i, j), terms in self.jacobian.entries.items():
            for slot, c in terms:
                matrix[i, j] -= c * partials[slot]
        found: list[np.ndarray] = []
        x = y
        for i in range(self.tableau.stages):
            row = self.tableau.a[i - 1] if i else ()
            x = x + found[-1] if row is None else y + sum(a * u for a, u in zip(row, found, strict=True))
            coupling = sum(c * u for c, u in zip(self.tableau.c[i - 1], found, strict=True)) / h if i else 0.0
            found.append(np.linalg.solve(matrix, self.slope(x, p) + coupling))
        return found

    def part(self, y: np.ndarray, stages: Sequence[np.ndarray], theta: float) -> np.ndarray:
        dense = sum(theta**q * row for q, row in enumerate(self.table[1:]))
        weights = theta * (self.table[0] + (1.0 - theta) * dense)
        return y + sum(w * u for w, u in zip(weights, stages, strict=True))

    def __call__(self, start: Start) -> np.ndarray:
        """Give what is read, shape (time, observable), complex."""
        out = np.full((len(self.times), len(self.system.observed)), np.nan, complex)
        y, p, read = np.zeros(0), np.zeros(0), 0
        self.visited: list[np.ndarray] = []
        for n, (where, when, hidden) in enumerate(self.rows):
            self.visited.append(y)
            if where[KIND] != STEPPED:
                p = changed(start.base.astype(complex), start.plan[2:6], where[SEGMENT])
                if n == 0:
                    first = self.outputs(self.initial, len(self.system.states), p=p) if start.y0 is None else start.y0
                    y = first + start.added
                    self.visited[0] = y
                y = changed(y, start.plan[6:10], where[SEGMENT])
                if self.timer >= 0:
                    y[self.timer] = when[TIME]
                continue
            full = np.concatenate([p, hidden])
            stages = self.stages(y, full, when[STEP])
            while read < where[READINGS]:
                now = self.part(y, stages, (self.times[read] - when[TIME]) / when[STEP])
                if self.timer >= 0:
                    now[self.timer] = self.times[read]
                out[read] = self.outputs(self.observe, len(self.system.observed), y=now, p=p)
                read += 1
            y = self.part(y, stages, when[KEPT])
            if self.timer >= 0:
                y[self.timer] = when[TIME] + when[KEPT] * when[STEP]
        return out


def changed(values: np.ndarray, table: tuple[np.ndarray, ...], segment: int) -> np.ndarray:
    offsets, index, how, amount = table
    out = values.copy()
    for q in range(offsets[segment], offsets[segment + 1]):
        i = index[q]
        out[i] = (amount[q], out[i] * amount[q], out[i] + amount[q])[how[q]]
    return out
