"""A compiled model: names, sizes and the addresses of its machine code."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler.cache import cache_folder
from hepatica.compiler.reference import Reference
from hepatica.compiler.system import CLOCK
from hepatica.compiler.tableaux import TABLEAUX, Tableau
from hepatica.errors import NotFoundError, did_you_mean

__all__ = [
    "CLOCK",
    "TABLEAUX",
    "Adjoint",
    "Conditions",
    "EventTable",
    "Kernel",
    "Reference",
    "Tableau",
    "Tangent",
    "cache_folder",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTable:
    """What of an event does not change: see :class:`~hepatica.model.Event`; ``states`` are those that it gives values."""

    initial_value: bool
    persistent: bool
    at_trigger: bool
    states: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What is watched during a run.

    Parameters
    ----------
    switches
        Number of conditions held within a step. In p the parameters are followed by the address of the past, by the paces, by
        what is nearly zero, by the modes, and by one that frees them, each where there is such a thing.
    times
        Number of conditions that depend on time only.
    sampled
        Whether others are there, so that the inside of a step is looked at too.
    levels
        Number of quantities that tell how far these are from their change.
    events
        One table for each event.
    delayed, delays
        Number of quantities whose past is kept, and of delays.
    past, fast, powers
        Whether p holds the address of the past, the paces of fast and of slow things, and what is nearly zero.
    """

    switches: int = 0
    times: int = 0
    sampled: bool = False
    levels: int = 0
    events: tuple[EventTable, ...] = ()
    delayed: int = 0
    delays: int = 0
    past: bool = False
    fast: bool = False
    powers: bool = False

    @property
    def hidden(self) -> int:
        """Entries of p behind the parameters."""
        return self.switches + bool(self.switches) + self.past + 2 * self.fast + self.powers

    @property
    def seen(self) -> int:
        """Number of values that are looked at after a step."""
        return self.switches + len(self.events) + self.times + self.levels


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """What the solver needs of a model.

    Parameters
    ----------
    digest
        Identifies model, observables, compiler and processor.
    states, parameters, observables
        Names of y, p and of what can be read out.
    differential, indirect
        Number of differential states (algebraic ones come last); states that hold something else than the value of their
        name.
    conditions
        What is watched during a run.
    plain
        Whether every observable is a state, and there is one.
    p0
        Parameter values of the model, shape (parameters,).
    lanes, slots
        Width of the vectors; slots for each state in the interleaved array.
    sizes
        Lengths of the work arrays ``lu`` and ``w``, and number of entries of p that are ``prepared`` from the others.
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
    differential: int
    indirect: tuple[str, ...]
    conditions: Conditions
    plain: bool
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjoint:
    """The machine code of the adjoint of a step.

    Parameters
    ----------
    lanes
        Trajectories in one vector.
    sizes
        Lengths of the work arrays: ``lu``, ``w``, ``v`` (one stage), and ``s`` of the adjoints of the partials, ``so`` of the
        observables, ``si`` of the initial values, ``sr`` of the conditions, ``sa`` of the new values of events.
    conserved
        Orthonormal basis of the sums of states that no flux changes, shape (sum, state).
    addresses
        Address of each function in this process.
    keep
        What must stay alive for the addresses to be valid.
    """

    lanes: int
    sizes: Mapping[str, int]
    conserved: NDArray[np.float64]
    addresses: Mapping[str, int]
    keep: Any = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tangent:
    """The machine code of the tangent of a step.

    Parameters
    ----------
    parameters
        Places in p of the parameters that it was made for.
    lanes, width
        Trajectories, or directions, in one vector; vectors of directions worked on together.
    sizes
        Lengths of the work arrays ``lu``, ``w``, ``d``, and of ``a``, ``q`` and ``f`` of one stage.
    first
        Entries of a, the Jacobian, shape (entry, 2): row, column.
    source
        Entries of f, shape (entry, 2): column in ``parameters``, state; sorted by column.
    observed
        Entries of the derivative of the observables, shape (entry, 3): observable, 0 or 1 for a state or a parameter, its
        place among the states or in ``parameters``.
    initial
        Entries of the derivative of the initial values, shape (entry, 2): state, column in ``parameters``.
    rooted, assigned
        Entries of the derivatives of the conditions' distances from their change, and of the new values of all events, as
        ``observed``.
    conserved
        As for :class:`Adjoint`.
    addresses
        Address of each function in this process.
    keep
        What must stay alive for the addresses to be valid.
    """

    parameters: tuple[int, ...]
    lanes: int
    width: int
    sizes: Mapping[str, int]
    first: NDArray[np.int64]
    source: NDArray[np.int64]
    observed: NDArray[np.int64]
    initial: NDArray[np.int64]
    rooted: NDArray[np.int64]
    assigned: NDArray[np.int64]
    conserved: NDArray[np.float64]
    addresses: Mapping[str, int]
    keep: Any = field(repr=False, compare=False)

    @property
    def moving(self) -> NDArray[np.int64]:
        """Places in p of the parameters that can move a state; the others only change how states are read."""
        events = [entries[entries[:, 1] == 1, 2] for entries in (self.rooted, self.assigned)]
        columns = np.concatenate([self.source[:, 0], self.initial[:, 1], *events])
        return np.array([self.parameters[c] for c in np.unique(columns)], np.int64)
