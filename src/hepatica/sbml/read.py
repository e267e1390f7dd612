"""SBML Level 2 and 3 into a model."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hepatica.errors import FormatError, HostileFileError, ModelError, did_you_mean
from hepatica.model.dimensions import DIMENSIONLESS, Unit
from hepatica.model.expression import Expression, Symbol, walk
from hepatica.model.network import (
    Compartment,
    Event,
    InitialAssignment,
    Model,
    Parameter,
    Reaction,
    Rule,
    Species,
    Stoichiometry,
)  # fmt: skip
from hepatica.model.structure import formulas, require_structure
from hepatica.sbml.annotation import read_annotations, read_evidence, read_observables
from hepatica.sbml.apart import read_apart
from hepatica.sbml.flatten import flatten_hierarchy
from hepatica.sbml.guard import guard_xml, read_text
from hepatica.sbml.mathml import MathReader
from hepatica.sbml.packages import parse_sbml, refuse_flux_balance
from hepatica.sbml.units import UnitReader, readable

MAX_TERMS = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the elements of a text stand, for error messages.

    Parameters
    ----------
    name
        File name.
    lines
        ``{id: "file:line"}`` where an element, or an unknown name, stands in what the user wrote; empty for SBML, whose
        own line numbers are used.
    declared
        Names that the user's text declares; a name that is only used is unknown.
    folder
        Where files that the text names may lie; ``None`` when it came from no file.
    """

    name: str
    lines: Mapping[str, str] = field(default_factory=dict)
    declared: frozenset[str] | None = None
    folder: Path | None = None

    def of(self, element: str, line: int = 0) -> str:
        """Give ``file:line`` of an element."""
        if element in self.lines:
            return self.lines[element]
        return f"{self.name}:{line}" if line and self.declared is None else self.name


def read_sbml(source: Path | str) -> Model:
    """Read a model in SBML Level 2 or 3, in a child process with limits.

    Function definitions are expanded, local parameters renamed ``reaction.parameter``, named stoichiometries made
    parameters, and units turned into readable texts (``1/(nM*min)``). Constraints are left out: they change no number.

    Parameters
    ----------
    source
        A path, or the SBML text itself (it begins with ``<``).

    Returns
    -------
    Model
        Complete and consistent; ``origin`` holds ``file:line`` of every element.

    Raises
    ------
    HostileFileError
        Refused before libSBML saw it; or reading it crashed, or took more time or memory than allowed.
    FormatError
        No SBML that libSBML can read, with file and line.
    UnsupportedError
        Level 1, required packages and functions that hepatica does not know; by name.
    ModelError
        A contradiction: undefined or duplicate names, missing values, circular rules.
    """
    if isinstance(source, str) and source.lstrip("\ufeff \t\r\n").startswith("<"):
        return read_apart("read_sbml", source.lstrip("\ufeff"), "SBML text")
    path = Path(source)
    return read_apart("read_sbml", read_text(path), path.name, folder=path.parent)


def read_document(text: str, place: Place) -> Model:
    """Read SBML text whose elements stand at a known place, in this process."""
    guard_xml(text, place.name)
    flat = flatten_hierarchy(text, place.name, place.folder)
    if flat is not text:
        text, place = flat, Place(name=f"{place.name} (flattened)")
    document = parse_sbml(text, lambda line: place.of("", line))
    if document.getModel() is None:
        raise FormatError(f"{place.name}: no SBML model; expected an 'sbml' element with a 'model'.")
    refuse_flux_balance(document, place.name)
    return _Reader(document, place).model()


class _Reader:
    """Reads one document; holds it, because libSBML frees its trees with it."""

    def __init__(self, document: Any, place: Place) -> None:
        self.document = document
        self.sbml = document.getModel()
        self.place = place
        self.level: int = document.getLevel()
        self.units = UnitReader(self.sbml)
        self.formulas_optional = (self.level, document.getVersion()) >= (3, 2)
        self.rules = [r for r in self.sbml.getListOfRules() if r.isSetMath() or not self.formulas_optional]
        self.ruled: set[str] = {r.getVariable() for r in self.rules}
        self.algebraic = any(r.isAlgebraic() for r in self.rules)
        self.initials = [
            a for a in self.sbml.getListOfInitialAssignments() if a.isSetMath() or not self.formulas_optional
        ]
        self.initial: set[str] = {a.getSymbol() for a in self.initials}
        self.math = MathReader(functions=dict(self._functions()))
        self.stoichiometries: list[Parameter] = []
        self.stoichiometry_rules: list[Rule] = []

    def model(self) -> Model:
        """Give the model."""
        compartments = tuple(self._compartment(c) for c in self.sbml.getListOfCompartments())
        sizes = {c.getId(): self._compartment_unit(c) for c in self.sbml.getListOfCompartments()}
        species = tuple(self._species(s, sizes) for s in self.sbml.getListOfSpecies())
        parameters = [self._parameter(p, p.getId()) for p in self.sbml.getListOfParameters()]
        reactions = tuple(self._reaction(r, parameters) for r in self.sbml.getListOfReactions())
        rules = tuple(self._rule(r) for r in self.rules)
        assignments = tuple(self._initial_assignment(a) for a in self.initials)
        self._require_values(parameters, species)
        model = Model(
            id=self.sbml.getId() or Path(self.place.name).stem,
            name=self.sbml.getName() or "",
            units=self._base_units(),
            compartments=compartments,
            species=species,
            parameters=(*parameters, *self.stoichiometries),
            reactions=reactions,
            rules=(*rules, *self.stoichiometry_rules),
            initial_assignments=assignments,
            events=tuple(self._events()),
            observables=read_observables(self.sbml),
            origin=self._origin(),
        )
        terms = itertools.islice((1 for _, _, x in formulas(model) for _ in walk(x)), MAX_TERMS + 1)
        if sum(terms) > MAX_TERMS:
            raise HostileFileError(f"{self.place.name}: refused because its formulas have more than {MAX_TERMS} terms.")
        return require_structure(model)

    def _where(self, element: Any, name: str = "") -> str:
        return self.place.of(name or element.getId(), element.getLine())

    def _formula(self, element: Any, name: str, what: str, names: Mapping[str, Expression] | None = None) -> Expression:
        where = f"{self._where(element, name)}: {what}"
        tree = element.getMath()
        if tree is None:
            raise ModelError(f"{where} has no formula.")
        reader = MathReader(functions=self.math.functions, where=where)
        return reader.read(tree, names or {})

    def _functions(self) -> Iterator[tuple[str, tuple[tuple[str, ...], Any]]]:
        for definition in self.sbml.getListOfFunctionDefinitions():
            if definition.getBody() is None:
                if self.formulas_optional:
                    continue
                raise ModelError(f"{self._where(definition)}: function '{definition.getId()}' has no body.")
            names = tuple(definition.getArgument(i).getName() for i in range(definition.getNumArguments()))
            yield definition.getId(), (names, definition.getBody())

    def _stoichiometry(self, reaction: Any, reference: Any) -> Stoichiometry:
        """Give the number, or the id of the parameter that holds it: where it is named, or computed."""
        key, where = reference.getId(), self._where(reaction)
        computed = reference.getStoichiometryMath() if reference.isSetStoichiometryMath() else None
        given = reference.isSetStoichiometry() or (self.level == 2 and computed is None)
        value = float(reference.getStoichiometry()) if given else math.nan
        if not key and computed is None:
            if math.isnan(value):
                raise ModelError(
                    f"{where}: reaction '{reaction.getId()}' has no stoichiometry of '{reference.getSpecies()}'; give it one."
                )
            return value
        name = key or self._fresh(f"{reaction.getId()}.{reference.getSpecies()}.stoichiometry")
        constant = bool(reference.getConstant()) if self.level == 3 else False
        self.stoichiometries.append(Parameter(id=name, value=value, constant=constant and computed is None))
        if computed is not None:
            what = f"the stoichiometry of '{reference.getSpecies()}' in '{reaction.getId()}'"
            self.stoichiometry_rules.append(
                Rule(kind="assignment", variable=name, expression=self._formula(computed, name, what))
            )
        return name

    def _fresh(self, name: str) -> str:
        taken = {p.id for p in self.stoichiometries}
        more = (f"{name}.{k}" for k in itertools.count(2))
        return next(n for n in itertools.chain([name], more) if n not in taken)

    def _events(self) -> Iterator[Event]:
        """Give the events; Level 3 Version 2 allows some without a trigger, which never happen."""
        for e, key in self._named_events():
            trigger = e.getTrigger()
            if trigger is None or not trigger.isSetMath():
                if not self.formulas_optional:
                    raise ModelError(f"{self._where(e, key)}: event '{key}' has no trigger; give it one.")
                continue
            yield self._event(e, key)

    def _named_events(self) -> Iterator[tuple[Any, str]]:
        for k, e in enumerate(self.sbml.getListOfEvents(), start=1):
            yield e, e.getId() or f"event {k}"

    def _event(self, e: Any, key: str) -> Event:
        trigger, delay, priority = e.getTrigger(), e.getDelay(), e.getPriority()
        called = f"the {{}} of event '{key}'"
        later = self.level == 3 and trigger.isSetPersistent()
        return Event(
            id=key,
            trigger=self._formula(trigger, key, called.format("trigger")),
            delay=None
            if delay is None or delay.getMath() is None
            else self._formula(delay, key, called.format("delay")),
            priority=None
            if priority is None or priority.getMath() is None
            else self._formula(priority, key, called.format("priority")),
            persistent=bool(trigger.getPersistent()) if later else True,
            initial_value=bool(trigger.getInitialValue()) if self.level == 3 and trigger.isSetInitialValue() else True,
            at_trigger=bool(e.getUseValuesFromTriggerTime()) if e.isSetUseValuesFromTriggerTime() else True,
            assignments=tuple(
                (a.getVariable(), self._formula(a, key, f"what event '{key}' gives to '{a.getVariable()}'"))
                for a in e.getListOfEventAssignments()
                if a.getMath() is not None
            ),
            name=e.getName() or "",
        )

    def _base_units(self) -> dict[str, str]:
        kinds = {"time": "second", "substance": "mole", "volume": "litre"}
        units: dict[str, str] = {}
        for key, default in kinds.items():
            unit = self._base_unit(key, default)
            if unit is not None:
                units[key] = self._text(unit, key)
        extent = self.units.unit(self.sbml.getExtentUnits()) if self.level == 3 else None
        substance = self._base_unit("substance", "mole")
        if extent is not None and not (substance and extent.same(substance)):
            units["extent"] = self.units.text(self.sbml.getExtentUnits())
        return units

    def _text(self, unit: Unit, key: str) -> str:
        attribute = self._base_attribute(key)
        return self.units.text(attribute) if attribute else readable(unit)

    def _base_attribute(self, key: str) -> str:
        if self.level == 3:
            getters = {
                "time": self.sbml.getTimeUnits, "substance": self.sbml.getSubstanceUnits,
                "volume": self.sbml.getVolumeUnits, "area": self.sbml.getAreaUnits, "length": self.sbml.getLengthUnits,
            }  # fmt: skip
            return str(getters[key]() or "")
        return key if self.units.unit(key) is not None else ""

    def _base_unit(self, key: str, default: str) -> Unit | None:
        attribute = self._base_attribute(key)
        if attribute:
            return self.units.unit(attribute)
        return self.units.unit(default) if self.level == 2 else None

    def _compartment_unit(self, c: Any) -> Unit | None:
        if c.getUnits():
            return self.units.unit(c.getUnits())
        dimensions = c.getSpatialDimensionsAsDouble() if c.isSetSpatialDimensions() or self.level == 2 else math.nan
        if dimensions == 0:
            return DIMENSIONLESS
        if dimensions == 3:
            return self._base_unit("volume", "litre")
        if dimensions == 2:
            area = self.units.unit("metre")
            return self._base_unit("area", "") or (area.power(2) if area and self.level == 2 else None)
        return self._base_unit("length", "metre") if dimensions == 1 else None

    def _compartment(self, c: Any) -> Compartment:
        key, where = c.getId(), self._where(c)
        unit = self._compartment_unit(c)
        size = float(c.getSize()) if c.isSetSize() else 1.0 if c.getSpatialDimensions() == 0 else math.nan
        computed = key in self.initial or key in self.ruled or (self.algebraic and not c.getConstant())
        if math.isnan(size) and not computed:
            raise ModelError(f"{where}: compartment '{key}' has no size; give it one.")
        return Compartment(
            id=key,
            size=size,
            unit=self.units.text(c.getUnits()) or (readable(unit) if unit else ""),
            name=c.getName() or "",
            constant=bool(c.getConstant()),
            annotations=read_annotations(c),
        )

    def _species(self, s: Any, sizes: Mapping[str, Unit | None]) -> Species:
        key = s.getId()
        substance_only = bool(s.getHasOnlySubstanceUnits())
        amount = bool(s.isSetInitialAmount()) or (substance_only and not s.isSetInitialConcentration())
        declared = s.getSubstanceUnits()
        unit = self.units.unit(declared) if declared else self._base_unit("substance", "mole")
        size = sizes.get(s.getCompartment())
        if not amount:
            unit = unit.times(size, -1) if unit and size else None
        return Species(
            id=key,
            compartment=s.getCompartment(),
            initial=_initial(s),
            unit=self.units.text(declared) if amount and declared else readable(unit) if unit else "",
            amount=amount,
            substance_only=substance_only,
            boundary=bool(s.getBoundaryCondition()),
            constant=bool(s.getConstant()),
            conversion=self._conversion(s),
            name=s.getName() or "",
            annotations=read_annotations(s),
        )

    def _conversion(self, s: Any) -> str:
        if self.level != 3:
            return ""
        return str(s.getConversionFactor() or self.sbml.getConversionFactor() or "")

    def _parameter(self, p: Any, key: str) -> Parameter:
        evidence = read_evidence(p)
        return Parameter(
            id=key,
            value=float(p.getValue()) if p.isSetValue() else math.nan,
            unit=self.units.text(p.getUnits() or ""),
            name=p.getName() or "",
            constant=bool(p.getConstant()) if hasattr(p, "getConstant") and "." not in key else True,
            annotations=read_annotations(p),
            prior=evidence.prior,
            bounds=evidence.bounds,
            evidence=evidence.evidence,
        )

    def _reaction(self, r: Any, parameters: list[Parameter]) -> Reaction:
        key, where = r.getId(), self._where(r)
        law = r.getKineticLaw()
        if law is None:
            raise ModelError(f"{where}: reaction '{key}' has no rate law; give it one.")
        names: dict[str, Expression] = {}
        for p in law.getListOfLocalParameters() if self.level == 3 else law.getListOfParameters():
            local = f"{key}.{p.getId()}"
            if not p.isSetValue():
                raise ModelError(f"{where}: local parameter '{local}' has no value.")
            parameters.append(self._parameter(p, local))
            names[p.getId()] = Symbol(local)
        return Reaction(
            id=key,
            reactants=tuple((x.getSpecies(), self._stoichiometry(r, x)) for x in r.getListOfReactants()),
            products=tuple((x.getSpecies(), self._stoichiometry(r, x)) for x in r.getListOfProducts()),
            rate=self._formula(law, key, f"the rate of '{key}'", names),
            modifiers=tuple(x.getSpecies() for x in r.getListOfModifiers()),
            reversible=bool(r.getReversible()),
            fast=bool(r.isSetFast() and r.getFast()),
            name=r.getName() or "",
            annotations=read_annotations(r),
        )

    def _rule(self, r: Any) -> Rule:
        variable = r.getVariable()
        kind: Literal["rate", "algebraic", "assignment"] = (
            "rate" if r.isRate() else "algebraic" if r.isAlgebraic() else "assignment"
        )
        called = f"the {kind} rule" + (f" of '{variable}'" if variable else "")
        return Rule(kind=kind, variable=variable, expression=self._formula(r, variable, called))

    def _initial_assignment(self, a: Any) -> InitialAssignment:
        symbol = a.getSymbol()
        return InitialAssignment(
            symbol=symbol, expression=self._formula(a, symbol, f"the initial assignment of '{symbol}'")
        )

    def _require_values(self, parameters: list[Parameter], species: tuple[Species, ...]) -> None:
        """Raise for the first name that has no value, or that the user's text only uses and never declares."""
        assigned = self.initial | {r.getVariable() for r in self.rules if r.isAssignment()}
        if self.algebraic:
            return
        without = {p.getId(): "parameter" for p in self.sbml.getListOfParameters() if not p.isSetValue()}
        without |= {
            s.getId(): "species"
            for s in self.sbml.getListOfSpecies()
            if not (s.isSetInitialAmount() or s.isSetInitialConcentration())
        }
        missing = {name: kind for name, kind in without.items() if name not in assigned}
        known = ({p.id for p in parameters} | {s.id for s in species} | set(self.place.declared or ())) - set(missing)
        lines = {e.getId(): e.getLine() for e in (*self.sbml.getListOfParameters(), *self.sbml.getListOfSpecies())}
        events = {a.getVariable(): key for e, key in self._named_events() for a in e.getListOfEventAssignments()}
        messages = []
        for name, kind in missing.items():
            where = self.place.of(name, lines[name])
            if self.place.declared is not None and name not in self.place.declared:
                things = "species" if kind == "species" else "species or parameter"
                messages.append(f"{where}: no {things} '{name}'.{did_you_mean(name, known)}")
            elif name in events:
                before = f"has no value before event '{events[name]}' gives it one"
                messages.append(f"{where}: {kind} '{name}' {before}; give it one, which counts until then.")
            else:
                messages.append(f"{where}: {kind} '{name}' has no value; give it one.")
        if messages:
            more = f" ({len(messages) - 1} more like this.)" if len(messages) > 1 else ""
            raise ModelError(messages[0] + more)

    def _origin(self) -> dict[str, str]:
        groups = (
            self.sbml.getListOfCompartments(), self.sbml.getListOfSpecies(), self.sbml.getListOfParameters(),
            self.sbml.getListOfReactions(),
        )  # fmt: skip
        origin = {e.getId(): self.place.of(e.getId(), e.getLine()) for group in groups for e in group}
        return origin | {key: self._where(e, key) for e, key in self._named_events()}


def _initial(s: Any) -> float:
    if s.isSetInitialAmount():
        return float(s.getInitialAmount())
    return float(s.getInitialConcentration()) if s.isSetInitialConcentration() else 0.0
