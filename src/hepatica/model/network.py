"""A reaction network as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Literal

from hepatica.evidence import Evidence, Source
from hepatica.model.expression import Expression

Stoichiometry = float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """How uncertain a parameter is, with the names and arguments of PEtab v2.

    Parameters
    ----------
    distribution
        ``log-normal`` (mean and standard deviation of the natural logarithm), ``uniform`` (lower, upper) or ``normal``.
    arguments
        The two arguments of the distribution.
    """

    distribution: Literal["log-normal", "uniform", "normal"]
    arguments: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compartment:
    """A volume; ``size`` in ``unit``."""

    id: str
    size: float = 1.0
    unit: str = ""
    name: str = ""
    constant: bool = True
    annotations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Species:
    """A pool of molecules.

    ``initial`` is a concentration in ``unit`` unless ``amount`` is true; ``boundary`` species are not changed by
    reactions, ``constant`` ones by nothing but a Change. ``substance_only`` mirrors SBML's hasOnlySubstanceUnits.
    ``conversion`` names the parameter that turns the extent of a reaction into this species' substance.
    """

    id: str
    compartment: str
    initial: float = 0.0
    unit: str = ""
    amount: bool = False
    substance_only: bool = False
    boundary: bool = False
    constant: bool = False
    conversion: str = ""
    name: str = ""
    annotations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A number of the model: value in ``unit``, its prior and bounds, and what stands behind it."""

    id: str
    value: float
    unit: str = ""
    name: str = ""
    constant: bool = True
    prior: Prior | None = None
    bounds: tuple[float, float] | None = None
    evidence: Evidence | None = None
    annotations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """A process: ``reactants`` and ``products`` as (species, stoichiometry), ``rate`` in extent per time.

    A stoichiometry is a number, or the id of a parameter where it is named. A ``fast`` reaction is at equilibrium at all
    times: its rate is zero.
    """

    id: str
    reactants: tuple[tuple[str, Stoichiometry], ...]
    products: tuple[tuple[str, Stoichiometry], ...]
    rate: Expression
    modifiers: tuple[str, ...] = ()
    reversible: bool = False
    fast: bool = False
    name: str = ""
    annotations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """``variable = expression`` at all times (assignment), ``d variable/dt = expression`` (rate), ``0 = expression`` (algebraic).

    An algebraic rule names no variable: it determines one that nothing else does.
    """

    kind: Literal["assignment", "rate", "algebraic"]
    variable: str
    expression: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialAssignment:
    """``symbol = expression`` at time zero only."""

    symbol: str
    expression: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something done to the model at the moment its trigger becomes true, with the meaning of SBML Level 3.

    Parameters
    ----------
    trigger
        A truth value.
    assignments
        (variable, expression) pairs, carried out together.
    delay
        Time from the trigger to the assignments; none when absent.
    priority
        Of events that are due at the same time the one with the highest priority goes first.
    persistent
        Whether it goes ahead when the trigger becomes false again before the assignments.
    initial_value
        What the trigger counts as before time zero; when false, a trigger that is true at time zero fires then.
    at_trigger
        Whether the expressions are evaluated at the trigger rather than at the assignment.
    """

    id: str
    trigger: Expression
    assignments: tuple[tuple[str, Expression], ...] = ()
    delay: Expression | None = None
    priority: Expression | None = None
    persistent: bool = True
    initial_value: bool = True
    at_trigger: bool = True
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A reaction network with its evidence.

    Function definitions are expanded and local parameters renamed ``reaction.parameter`` when a model is read, so that
    an expression knows only species, compartments, parameters, rule variables, reactions and time.

    Parameters
    ----------
    id, name
        Short and readable name.
    units
        ``{"time": "min", "substance": "nmol", "volume": "litre"}``: the model's base units.
    observables
        Ids of species, rule variables or reactions that are read out unless others are asked for; species and rule
        variables when empty.
    sources
        The literature record that evidence keys point to.
    origin
        ``{id: "file:line"}`` where an element was written, for error messages.
    foreign
        Whether it was read from a file of unknown hands, and is compiled in a child process for that.
    """

    id: str
    name: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    compartments: tuple[Compartment, ...] = ()
    species: tuple[Species, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    rules: tuple[Rule, ...] = ()
    initial_assignments: tuple[InitialAssignment, ...] = ()
    events: tuple[Event, ...] = ()
    observables: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    origin: Mapping[str, str] = field(default_factory=dict, compare=False)
    foreign: bool = field(default=False, compare=False)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything that can change a number (names, notes and origins left out)."""
        parts = (
            tuple((c.id, c.size, c.unit, c.constant) for c in self.compartments),
            tuple(
                (
                    s.id,
                    s.compartment,
                    s.initial,
                    s.unit,
                    s.amount,
                    s.substance_only,
                    s.boundary,
                    s.constant,
                    s.conversion,
                )
                for s in self.species
            ),
            tuple((r.id, r.reactants, r.products, r.rate, r.fast) for r in self.reactions),
            self.events,
            self.rules,
            self.initial_assignments,
            tuple((p.id, p.value, p.unit, p.constant, p.prior) for p in self.parameters),
            tuple(sorted(self.units.items())),
        )
        return sha256(repr(parts).encode()).hexdigest()

    @cached_property
    def by_id(self) -> Mapping[str, Compartment | Species | Parameter | Reaction]:
        """Every element that formulas can name, by its id."""
        return {e.id: e for group in (self.compartments, self.species, self.parameters, self.reactions) for e in group}

    def where(self, element: str) -> str:
        """Give file and line of an element as the head of an error message, or nothing when unknown."""
        place = self.origin.get(element, "")
        return f"{place}: " if place else ""
