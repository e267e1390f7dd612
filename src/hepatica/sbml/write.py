"""A model as SBML Level 3 Version 2."""

import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from xml.etree import ElementTree

from hepatica.errors import ModelError, StorageError
from hepatica.model.dimensions import parse_unit
from hepatica.model.expression import Expression, symbols
from hepatica.model.network import Compartment, Event, Model, Parameter, Reaction, Species, Stoichiometry
from hepatica.sbml.annotation import annotation_element, own_attributes
from hepatica.sbml.mathml import to_mathml
from hepatica.sbml.units import readable, to_parts, unit_id

SBML = "http://www.sbml.org/sbml/level3/version2/core"
_SID = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NAMESPACES = {"xmlns": SBML, "xmlns:sbml": SBML}


def write_sbml(model: Model, path: Path | str | None = None) -> str:
    """Write a model as SBML Level 3 Version 2.

    Numbers are written in full, so that reading gives the same model again, digest included. Identifiers go into RDF,
    evidence, priors, bounds and observables into annotations of their own; sources are left out.

    Parameters
    ----------
    model
        What to write.
    path
        Where to; nothing is written when absent.

    Returns
    -------
    str
        The SBML text.

    Raises
    ------
    ModelError
        When an id is no SBML id (``reaction.parameter`` is one of a local parameter).
    StorageError
        When the file cannot be written.
    """
    text = _Writer(model).text()
    if path is not None:
        write_text(Path(path), text)
    return text


def write_text(path: Path, text: str) -> None:
    """Write a file as UTF-8, or raise :class:`StorageError` with the reason."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"'{path}' cannot be written: {error.strerror}.") from error


def to_plain_sbml(model: Model) -> str:
    """Give a model as SBML whose numbers are not said to be dimensionless, for libAntimony.

    libAntimony puts the unit of a number right behind it, ``2dimensionless``, and cannot read that in events.
    """
    return _Writer(model, number_units="").text()


class _Writer:
    def __init__(self, model: Model, number_units: str = "sbml:units") -> None:
        self.model = model
        self.number_units = number_units
        self.unit_ids: dict[str, str] = {}
        self.numbers = {n for r in model.reactions for _, n in (*r.reactants, *r.products) if isinstance(n, str)}
        self.local = {
            p.id: tuple(p.id.split(".", 1)) for p in model.parameters if "." in p.id and p.id not in self.numbers
        }
        self._check_ids()

    def _check_ids(self) -> None:
        reactions = {r.id: r for r in self.model.reactions}
        for key in self.model.by_id:
            if key in self.local:
                owner, name = self.local[key]
                if owner in reactions and _SID.fullmatch(name):
                    continue
            if not _SID.fullmatch(self.plain(key)):
                raise ModelError(f"'{key}' is not an SBML id; use letters, digits and '_'.")

    def plain(self, key: str) -> str:
        """Give the SBML id of a name; one that was made up for a stoichiometry has dots."""
        return key.replace(".", "_") if key in self.numbers else key

    def text(self) -> str:
        root = ElementTree.Element("sbml", {**_NAMESPACES, "level": "3", "version": "2"})
        m = self.model
        attributes = {"id": m.id if _SID.fullmatch(m.id) else "model"} | ({"name": _clean(m.name)} if m.name else {})
        attributes |= {
            f"{key}Units": self.unit(m.units[key]) for key in ("time", "substance", "volume") if m.units.get(key)
        }
        extent = m.units.get("extent") or m.units.get("substance")
        attributes |= {"extentUnits": self.unit(extent)} if extent else {}
        starts = (self.assigned("initialAssignment", "symbol", a.symbol, a.expression) for a in m.initial_assignments)
        body = [
            self.list("Compartments", map(self.compartment, m.compartments)),
            self.list("Species", map(self.species, m.species)),
            self.list("Parameters", (self.parameter(p) for p in m.parameters if p.id not in {*self.local, *self.numbers})),
            self.list("InitialAssignments", starts),
            self.list("Rules", (self.assigned(f"{r.kind}Rule", "variable", r.variable, r.expression) for r in m.rules)),
            self.list("Reactions", map(self.reaction, m.reactions)),
            self.list("Events", map(self.event, m.events)),
        ]  # fmt: skip
        element = _sub(root, "model", attributes | {"metaid": f"meta_{attributes['id']}"})
        own = {"observables": " ".join(m.observables)} if m.observables else {}
        _annotate(element, (), own, "model")
        element.extend(e for e in (self.units(), *body) if e is not None)
        ElementTree.indent(root)
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"

    def list(self, what: str, items: Iterable[ElementTree.Element]) -> ElementTree.Element | None:
        element = ElementTree.Element(f"listOf{what}")
        element.extend(list(items))
        return element if len(element) else None

    def unit(self, text: str) -> str:
        """Give the id of a unit text's definition, remembering to write it."""
        if text in {"litre", "dimensionless"}:
            return text
        if text not in self.unit_ids:
            key, used = unit_id(text), set(self.unit_ids.values())
            while key in used or key in {"litre", "dimensionless", "second", "mole", "gram", "metre", "item", "count"}:
                key += "_"
            self.unit_ids[text] = key
        return self.unit_ids[text]

    def units(self) -> ElementTree.Element | None:
        definitions = []
        for text, key in self.unit_ids.items():
            definition = ElementTree.Element("unitDefinition", {"id": key, "name": text})
            parts = _sub(definition, "listOfUnits")
            for part in to_parts(text):
                values = {"kind": part.kind, "exponent": f"{part.exponent:g}", "scale": str(part.scale)}
                _sub(parts, "unit", values | {"multiplier": _number(part.multiplier)})
            definitions.append(definition)
        return self.list("UnitDefinitions", definitions)

    def compartment(self, c: Compartment) -> ElementTree.Element:
        unit = parse_unit(c.unit)
        lengths = dict(unit.powers).get("meter", 3.0 if not c.unit else 0.0)
        attributes = {"id": c.id, "constant": _truth(c.constant)}
        attributes |= {} if math.isnan(c.size) else {"size": _number(c.size)}
        attributes |= {"spatialDimensions": f"{lengths:g}"} if lengths in {1, 2, 3} else {"spatialDimensions": "3"}
        attributes |= {"units": self.unit(c.unit)} if c.unit else {}
        return self.element("compartment", attributes, c)

    def species(self, s: Species) -> ElementTree.Element:
        attributes = {
            "id": s.id,
            "compartment": s.compartment,
            "initialAmount" if s.amount else "initialConcentration": _number(s.initial),
            "hasOnlySubstanceUnits": _truth(s.substance_only),
            "boundaryCondition": _truth(s.boundary),
            "constant": _truth(s.constant),
        }
        attributes |= {"conversionFactor": s.conversion} if s.conversion else {}
        substance = self._substance(s)
        return self.element("species", attributes | ({"substanceUnits": self.unit(substance)} if substance else {}), s)

    def _substance(self, s: Species) -> str:
        if not s.unit:
            return ""
        if s.amount:
            return s.unit
        compartment = self.model.by_id.get(s.compartment)
        size = compartment.unit if isinstance(compartment, Compartment) else ""
        return readable(parse_unit(s.unit).times(parse_unit(size)), hint=self.model.units.get("substance", ""))

    def parameter(self, p: Parameter, tag: str = "parameter") -> ElementTree.Element:
        attributes = {"id": p.id.rpartition(".")[2]} | ({} if math.isnan(p.value) else {"value": _number(p.value)})
        attributes |= {"constant": _truth(p.constant)} if tag == "parameter" else {}
        attributes |= {"units": self.unit(p.unit)} if p.unit else {}
        return self.element(tag, attributes, p, own_attributes(p), p.id.replace(".", "_"))

    def assigned(self, tag: str, attribute: str, name: str, expression: Expression) -> ElementTree.Element:
        element = ElementTree.Element(tag, {attribute: self.plain(name)} if name else {})
        element.append(self.math(expression, ""))
        return element

    def event(self, e: Event) -> ElementTree.Element:
        attributes = {"useValuesFromTriggerTime": _truth(e.at_trigger)} | ({"name": _clean(e.name)} if e.name else {})
        element = ElementTree.Element("event", ({"id": e.id} if _SID.fullmatch(e.id) else {}) | attributes)
        parts = (("trigger", e.trigger), ("delay", e.delay), ("priority", e.priority))
        for tag, expression in parts:
            if expression is not None:
                _sub(element, tag).append(self.math(expression, ""))
        trigger = element[0]
        trigger.set("initialValue", _truth(e.initial_value))
        trigger.set("persistent", _truth(e.persistent))
        changes = self.list(
            "EventAssignments", (self.assigned("eventAssignment", "variable", n, x) for n, x in e.assignments)
        )
        if changes is not None:
            element.append(changes)
        return element

    def reference(self, species: str, number: Stoichiometry) -> ElementTree.Element:
        element = ElementTree.Element("speciesReference", {"species": species})
        if not isinstance(number, str):
            element.set("stoichiometry", _number(number))
            element.set("constant", "true")
            return element
        holder = next(p for p in self.model.parameters if p.id == number)
        element.set("id", self.plain(number))
        if not math.isnan(holder.value):
            element.set("stoichiometry", _number(holder.value))
        element.set("constant", _truth(holder.constant))
        return element

    def math(self, expression: Expression, reaction: str) -> ElementTree.Element:
        for name in symbols(expression) & self.local.keys():
            if self.local[name][0] != reaction:
                raise ModelError(f"'{name}' is local to its reaction but used elsewhere; rename it without the '.'.")
        rename: Callable[[str], str] = lambda name: self.local[name][1] if name in self.local else self.plain(name)  # noqa: E731
        return to_mathml(expression, rename, self.number_units)

    def reaction(self, r: Reaction) -> ElementTree.Element:
        if r.fast:
            raise ModelError(f"reaction '{r.id}' is fast, which SBML Level 3 Version 2 does not have; remove it.")
        element = self.element("reaction", {"id": r.id, "reversible": _truth(r.reversible)}, r)
        for what, pairs in (("Reactants", r.reactants), ("Products", r.products)):
            references = (self.reference(s, n) for s, n in pairs)
            element.extend(e for e in (self.list(what, references),) if e is not None)
        changed = {s for s, _ in (*r.reactants, *r.products)}
        species = {s.id for s in self.model.species}
        modifiers = dict.fromkeys((*r.modifiers, *sorted((symbols(r.rate) & species) - changed)))
        references = (ElementTree.Element("modifierSpeciesReference", {"species": s}) for s in modifiers)
        element.extend(e for e in (self.list("Modifiers", references),) if e is not None)
        law = _sub(element, "kineticLaw")
        law.append(self.math(r.rate, r.id))
        own = [p for p in self.model.parameters if p.id in self.local and self.local[p.id][0] == r.id]
        law.extend(
            e
            for e in (self.list("LocalParameters", (self.parameter(p, "localParameter") for p in own)),)
            if e is not None
        )
        return element

    def element(
        self,
        tag: str,
        attributes: dict[str, str],
        of: Compartment | Species | Parameter | Reaction,
        own: dict[str, str] | None = None,
        key: str = "",
    ) -> ElementTree.Element:
        element = ElementTree.Element(tag, attributes | ({"name": _clean(of.name)} if of.name else {}))
        if of.annotations or own:
            element.set("metaid", f"meta_{key or of.id}")
        _annotate(element, of.annotations, own or {}, "parameter")
        return element


def _annotate(element: ElementTree.Element, uris: tuple[str, ...], own: dict[str, str], tag: str) -> None:
    safe = {key: _clean(value) for key, value in own.items()}
    annotation = annotation_element(element.get("metaid", ""), uris, safe, tag)
    if annotation is not None:
        element.append(annotation)


def _sub(parent: ElementTree.Element, tag: str, attributes: dict[str, str] | None = None) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, attributes or {})


def _clean(text: str) -> str:
    return _NOT_XML.sub(" ", text)


def _number(value: float) -> str:
    special = {math.inf: "INF", -math.inf: "-INF"}
    return special.get(value) or repr(float(value)).removesuffix(".0")


def _truth(value: object) -> str:
    return "true" if value else "false"
