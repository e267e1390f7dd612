"""Whether the units of every formula balance."""

from collections.abc import Mapping

from hepatica.model.dimensions import DIMENSIONLESS, Unit, parse_unit
from hepatica.model.expression import Apply, Expression, Number, Symbol, to_infix
from hepatica.model.issue import Issue
from hepatica.model.network import Model, Species
from hepatica.model.structure import formulas, place

_COMPARE = frozenset({"lt", "le", "gt", "ge", "eq", "ne"})
_SAME = frozenset({"+", "-", "min", "max"})
_KEEP = frozenset({"neg", "abs", "floor", "ceil"})
_LOGIC = frozenset({"and", "or", "not"})


def check_balance(model: Model) -> tuple[Issue, ...]:
    """Give an issue for every rate law, rule and initial assignment whose units do not balance.

    A number without a unit is dimensionless (a zero fits everywhere). Nothing is concluded from a symbol whose unit is
    not declared; those are listed once each. Units balance when dimension and scale agree: nM + uM does not.
    """
    units = symbol_units(model)
    issues = [
        Issue(severity="warning", where=place(model, name), message=f"'{name}' has no unit; declare one.")
        for name, unit in units.items()
        if unit is None
    ]
    time = _base(model, "time")
    if time is None:
        issues.append(Issue(severity="warning", where=model.id, message="the model has no time unit; declare one."))
    extent = _base(model, "extent") or _base(model, "substance")
    rates = {r.variable for r in model.rules if r.kind == "rate"}
    reactions = {r.id for r in model.reactions}
    for element, what, expression in formulas(model):
        if element in reactions:
            wanted = extent.times(time, -1) if extent and time else None
        else:
            wanted = units.get(element)
            if element in rates and what.startswith("the rate rule"):
                wanted = wanted.times(time, -1) if wanted and time else None
        reader = _Balance(units, time)
        unit = reader.unit(expression)
        faults = list(reader.faults)
        if not faults and unit and wanted and not unit.same(wanted) and expression != Number(0.0):
            faults = [f"is in {unit.text}; expected {wanted.text}"]
        issues.extend(
            Issue(severity="error", where=place(model, element), message=f"{what} {fault}.") for fault in faults
        )
    return tuple(issues)


def symbol_units(model: Model) -> dict[str, Unit | None]:
    """Give the unit in which every symbol stands in formulas; None where it is not declared.

    A species stands for its concentration unless it is ``substance_only``; then for its amount.
    """
    sizes = {c.id: _declared(c.unit) for c in model.compartments}
    units = sizes | {p.id: _declared(p.unit) for p in model.parameters}
    return units | {s.id: _species_unit(s, sizes.get(s.compartment)) for s in model.species}


def _species_unit(species: Species, size: Unit | None) -> Unit | None:
    unit = _declared(species.unit)
    if unit is None or species.amount == species.substance_only:
        return unit
    return unit.times(size, -1 if species.amount else 1) if size else None


def _declared(text: str) -> Unit | None:
    return parse_unit(text) if text else None


def _base(model: Model, key: str) -> Unit | None:
    return _declared(model.units.get(key, ""))


class _Balance:
    """Works out the unit of one expression and collects what does not fit."""

    def __init__(self, units: Mapping[str, Unit | None], time: Unit | None) -> None:
        self.units = units
        self.time = time
        self.faults: list[str] = []

    def unit(self, node: Expression) -> Unit | None:
        """Give the unit of an expression; None when it cannot be known."""
        if isinstance(node, Number):
            return DIMENSIONLESS
        if isinstance(node, Symbol):
            return self.units.get(node.name)
        operator, arguments = node.operator, node.arguments
        if operator == "time":
            return self.time
        if operator == "piecewise":
            for condition in arguments[1::2]:
                self.unit(condition)
            return self._same(list(arguments[::2]), "chooses between")
        if operator in _SAME:
            return self._same(list(arguments), "takes together")
        if operator in _COMPARE:
            self._same(list(arguments), "compares")
            return DIMENSIONLESS
        if operator == "pow":
            return self._power(*arguments)
        found = [self.unit(a) for a in arguments]
        if operator in _LOGIC:
            return DIMENSIONLESS
        if operator in _KEEP:
            return found[0]
        if operator == "sqrt":
            return found[0].power(0.5) if found[0] else None
        if operator in {"*", "/"}:
            return self._product(operator, found)
        for argument, unit in zip(arguments, found, strict=True):
            if unit and not unit.same(DIMENSIONLESS):
                self.faults.append(
                    f"takes {operator} of {_name(argument)} in {unit.text}; expected a number without unit"
                )
        return DIMENSIONLESS

    def _product(self, operator: str, found: list[Unit | None]) -> Unit | None:
        total = DIMENSIONLESS
        for i, unit in enumerate(found):
            if unit is None:
                return None
            total = total.times(unit, -1 if operator == "/" and i else 1)
        return total

    def _power(self, base: Expression, exponent: Expression) -> Unit | None:
        unit, power = self.unit(base), self.unit(exponent)
        if power and not power.same(DIMENSIONLESS):
            self.faults.append(f"has the exponent {_name(exponent)} in {power.text}; expected a number without unit")
            return None
        if unit is None or unit.same(DIMENSIONLESS):
            return unit
        if isinstance(exponent, Apply) and exponent.operator == "neg" and isinstance(exponent.arguments[0], Number):
            exponent = Number(-exponent.arguments[0].value)
        if isinstance(exponent, Number):
            return unit.power(exponent.value)
        self.faults.append(
            f"raises {_name(base)} in {unit.text} to the variable power {_name(exponent)}; divide it by a quantity in "
            f"{unit.text} first"
        )
        return None

    def _same(self, arguments: list[Expression], verb: str) -> Unit | None:
        known: tuple[Expression, Unit] | None = None
        for argument in arguments:
            unit = self.unit(argument)
            if unit is None or argument == Number(0.0):
                continue
            if known is None:
                known = argument, unit
            elif not known[1].same(unit):
                self.faults.append(f"{verb} {_name(known[0])} in {known[1].text} and {_name(argument)} in {unit.text}")
        if known:
            return known[1]
        return DIMENSIONLESS if arguments and all(a == Number(0.0) for a in arguments) else None


def _name(expression: Expression) -> str:
    text = to_infix(expression)
    return f"'{text}'" if len(text) <= 40 else f"'{text[:37]}...'"
