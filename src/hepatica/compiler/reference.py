"""The plain reference of a compiled model: the same programs, interpreted with NumPy."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler.jacobian import build_jacobian
from hepatica.compiler.lower import Program, lower_outputs, lower_rhs
from hepatica.compiler.system import build_system
from hepatica.compiler.targets.numpy import interpret
from hepatica.model import Model

Array = NDArray[np.float64]


class Reference:
    """Right-hand side, Jacobian, observables and initial values of a model as plain functions.

    Lanes are the last axis: ``y`` (states, lanes), ``p`` (parameters, lanes). Conditions are those of the given state.

    Parameters
    ----------
    model, observables
        As for :func:`~hepatica.compiler.compile_model`.
    """

    def __init__(self, model: Model, observables: Sequence[str] | None = None) -> None:
        self.system = build_system(model, observables)
        self._jacobian = build_jacobian(self.system)
        graph = self.system.graph
        self._rhs = lower_rhs(self.system)
        self._partials = lower_outputs("partials", graph, self._jacobian.partials, ("y", "p", "o"))
        self._observe = lower_outputs("observe", graph, self.system.observed, ("y", "p", "o"))
        self._initial = lower_outputs("initial", graph, self.system.initial, ("p", "o"))

    def rhs(self, y: Array, p: Array) -> Array:
        """Give dy/dt, shape (states, lanes)."""
        out = np.zeros_like(y)
        interpret(
            self._rhs, {"y": y, "p": self._freed(p), "b": out, "w": np.zeros((len(self.system.rates), y.shape[1]))}
        )
        return out

    def jacobian(self, y: Array, p: Array) -> Array:
        """Give d(dy/dt)/dy, shape (states, states, lanes)."""
        size, lanes = y.shape
        partials = self._outputs(self._partials, len(self._jacobian.partials), lanes, y=y, p=self._freed(p))
        out = np.zeros((size, size, lanes))
        for (i, j), terms in self._jacobian.entries.items():
            for slot, coefficient in terms:
                out[i, j] += coefficient * partials[slot]
        return out

    def observe(self, y: Array, p: Array) -> Array:
        """Give the observables, shape (observables, lanes)."""
        return self._outputs(self._observe, len(self.system.observed), y.shape[1], y=y, p=p)

    def initial(self, p: Array) -> Array:
        """Give the initial states, shape (states, lanes)."""
        return self._outputs(self._initial, len(self.system.initial), p.shape[1], p=p)

    def _freed(self, p: Array) -> Array:
        """Give the parameters with the hidden ones behind them: all paces are one, and no condition is held."""
        system = self.system
        hidden = system.watch.hidden + system.past + 2 * system.fast + system.powers
        return np.vstack([p, np.ones((hidden, p.shape[1]))])

    @staticmethod
    def _outputs(program: Program, size: int, lanes: int, **arrays: Array) -> Array:
        out = np.zeros((size, lanes))
        interpret(program, {**arrays, "o": out})
        return out
