"""What is done to a system, to which cells, and what is measured."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import xarray as xr

from hepatica.errors import InputError, did_you_mean
from hepatica.evidence import Evidence
from hepatica.units import check_unit

How = Literal["set", "scale", "add", "infuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing done to one quantity of a model.

    Parameters
    ----------
    target
        Id of a species or parameter.
    how
        ``set`` to ``value``, ``scale`` by it, ``add`` it, or ``infuse`` it per minute (species only).
    value
        In ``unit``; a factor for ``scale``; per minute for ``infuse``.
    unit
        Unit of ``value``; converted to the target's own when the experiment is simulated.
    start
        min; ``None`` means always, before and during pre-equilibration too.
    stop
        min; the target returns to what it was; ``None`` means never. An instant change of a species has no stop.
    evidence
        What stands behind the number.

    Raises
    ------
    InputError
        When ``how`` is unknown, a factor is negative, or ``stop`` does not follow ``start``.
    """

    target: str
    how: How = "set"
    value: float
    unit: str = ""
    start: float | None = None
    stop: float | None = None
    evidence: Evidence | None = None

    def __post_init__(self) -> None:
        if self.how not in get_args(How):
            known = get_args(How)
            raise InputError(
                f"change of '{self.target}': '{self.how}' is none of {', '.join(known)}.{did_you_mean(self.how, known)}"
            )
        if not (self.value == self.value and abs(self.value) != float("inf")):
            raise InputError(f"change of '{self.target}': the value is {self.value}; expected a finite number.")
        if self.how == "scale" and self.value < 0:
            raise InputError(f"change of '{self.target}': the factor is {self.value:g}; expected zero or more.")
        if self.how == "infuse" and self.start is None:
            raise InputError(f"change of '{self.target}': an infusion needs a start.")
        if self.stop is not None and self.stop <= (self.start if self.start is not None else 0.0):
            raise InputError(
                f"change of '{self.target}': stop ({self.stop:g} min) must follow start ({self.start} min)."
            )
        check_unit(self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """A named set of changes: a dose, a knock-down, a milieu.

    ``labels`` are carried to the arms that contain it, e.g. ``{"sorafenib_uM": 5.0}``.
    """

    id: str
    changes: tuple[Change, ...] = ()
    name: str = ""
    labels: Mapping[str, str | float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellLine:
    """A cell line as its differences from the model's reference values."""

    id: str
    changes: tuple[Change, ...] = ()
    name: str = ""
    refs: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One treatment group: interventions applied together, in order."""

    id: str
    interventions: tuple[Intervention, ...] = ()
    labels: Mapping[str, str | float] = field(default_factory=dict)

    @property
    def all_labels(self) -> dict[str, str | float]:
        """The labels of the interventions and of the arm itself; the arm's own win."""
        merged: dict[str, str | float] = {}
        for intervention in self.interventions:
            merged.update(intervention.labels)
        merged.update(self.labels)
        return merged

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes, in order."""
        return tuple(c for i in self.interventions for c in i.changes)


class Assay(ABC):
    """What the bench would read: times, observables, and a measurement model."""

    @property
    @abstractmethod
    def times(self) -> tuple[float, ...]:
        """Reading times, min, ascending."""

    @property
    @abstractmethod
    def observables(self) -> tuple[str, ...]:
        """Names of the model's observables that the assay needs."""

    @abstractmethod
    def read(self, simulation: xr.Dataset, seed: int | None = None) -> xr.DataArray:
        """Give the readout of a simulation.

        Parameters
        ----------
        simulation
            Dataset with dimensions arm, draw, time that holds at least the assay's times and observables.
        seed
            With a seed, measurement noise and replicates are added; without, the exact reading is given.

        Returns
        -------
        xarray.DataArray
            Dimensions arm, draw and what the assay adds; NaN where the simulation failed.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Arms of one cell line read by one assay.

    Parameters
    ----------
    id
        Name.
    cell_line
        The cells; ``None`` leaves the model as it is.
    arms
        Treatment groups; at least one, ids unique.
    assay
        What is read.
    equilibrate
        Whether each arm starts from the steady state under its changes that have no start.

    Raises
    ------
    InputError
        When there is no arm, or two share an id.
    """

    id: str
    arms: tuple[Arm, ...]
    assay: Assay
    cell_line: CellLine | None = None
    equilibrate: bool = True

    def __post_init__(self) -> None:
        if not self.arms:
            raise InputError(f"experiment '{self.id}' has no arms; give at least one.")
        seen: set[str] = set()
        for arm in self.arms:
            if arm.id in seen:
                raise InputError(f"experiment '{self.id}' has two arms '{arm.id}'; give each its own id.")
            seen.add(arm.id)
