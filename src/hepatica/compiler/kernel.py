"""A compiled model: names, sizes and the addresses of its machine code."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler.reference import Reference
from hepatica.compiler.system import CLOCK
from hepatica.compiler.tableaux import TABLEAUX, Tableau
from hepatica.errors import NotFoundError, did_you_mean

__all__ = ["CLOCK", "TABLEAUX", "Kernel", "Reference", "Tableau"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """What the solver needs of a model.

    Parameters
    ----------
    digest
        Identifies model, observables, compiler and processor.
    states, parameters, observables
        Names of y, p and of what can be read out.
    p0
        Parameter values of the model, shape (parameters,).
    lanes, slots
        Width of the vectors; slots for each state in the interleaved array.
    sizes
        Lengths of the work arrays ``lu`` and ``w``.
    addresses
        Address of each function in this process.
    reference
        Makes the plain reference of the same model (built only when asked for).
    keep
        What must stay alive for the addresses to be valid.
    """

    digest: str
    states: tuple[str, ...]
    parameters: tuple[str, ...]
    observables: tuple[str, ...]
    p0: NDArray[np.float64]
    lanes: int
    slots: int
    sizes: Mapping[str, int]
    addresses: Mapping[str, int]
    reference: Callable[[], Reference] = field(repr=False, compare=False)
    keep: Any = field(repr=False, compare=False)

    def parameter_index(self, name: str) -> int:
        """Give the place of a parameter in p, or raise :class:`NotFoundError` with near names."""
        return self._index(name, self.parameters, "parameter")

    def state_index(self, name: str) -> int:
        """Give the place of a state in y, or raise :class:`NotFoundError` with near names."""
        return self._index(name, self.states, "state")

    @staticmethod
    def _index(name: str, names: tuple[str, ...], what: str) -> int:
        if name not in names:
            raise NotFoundError(f"the model has no {what} '{name}'.{did_you_mean(name, names)}")
        return names.index(name)
