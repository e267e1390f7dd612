"""Formulas of estimated parameters, with their derivatives."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler.lower import lower_outputs
from hepatica.compiler.system import build_system
from hepatica.compiler.targets.numpy import interpret
from hepatica.model import Expression, Model, Parameter, Rule

Array = NDArray[np.float64]


class Entries:
    """Numbers that are formulas of the estimated parameters: some entries of the parameters of conditions.

    Parameters
    ----------
    formulas
        Of names of parameters and numbers.
    names
        The estimated parameters.
    """

    def __init__(self, formulas: Sequence[Expression], names: Sequence[str]) -> None:
        made = [f"entry {k}" for k in range(len(formulas))]  # no identifier of a file has a space
        parameters = [Parameter(id=n, value=0.0) for n in names]
        parameters += [Parameter(id=n, value=0.0, constant=False) for n in made]
        rules = (Rule(kind="assignment", variable=n, expression=x) for n, x in zip(made, formulas, strict=True))
        system = build_system(Model(id="entries", parameters=tuple(parameters), rules=tuple(rules)), made)
        graph, self._size = system.graph, len(formulas)
        self._order = np.array([names.index(n) for n in system.parameters], np.int64)
        slopes = [graph.derivative(node, ("p", k)) for node in system.observed for k in range(len(names))]
        self._states = len(system.states)
        self._program = lower_outputs("entries", graph, [*system.observed, *slopes], ("y", "p", "o"))

    def __call__(self, x: Array) -> tuple[Array, Array]:
        """Give values (point, entry) and derivatives (point, entry, estimated) at points (point, estimated)."""
        count, wide = x.shape
        out = np.zeros((self._size * (1 + wide), count))
        arrays = {"y": np.zeros((self._states, count)), "p": np.ascontiguousarray(x.T[self._order]), "o": out}
        interpret(self._program, arrays)
        slopes = np.zeros((count, self._size, wide))
        slopes[:, :, self._order] = out[self._size :].reshape(self._size, wide, count).transpose(2, 0, 1)
        return out[: self._size].T.copy(), slopes
