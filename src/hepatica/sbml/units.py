"""SBML unit definitions to readable unit texts and back."""

import math
import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import libsbml

from hepatica.errors import UnitError
from hepatica.model.dimensions import DIMENSIONLESS, Unit, parse_unit

_FROM_KIND = {
    "litre": "litre", "liter": "litre", "metre": "m", "meter": "m", "mole": "mol", "item": "count", "dimensionless": "",
    "ampere": "A", "becquerel": "Bq", "candela": "cd", "coulomb": "C", "farad": "F", "gram": "g", "gray": "Gy",
    "henry": "H", "hertz": "Hz", "joule": "J", "katal": "kat", "kelvin": "K", "kilogram": "kg", "lumen": "lm",
    "lux": "lx", "newton": "N", "ohm": "ohm", "pascal": "Pa", "radian": "radian", "second": "s", "siemens": "S",
    "sievert": "Sv", "steradian": "steradian", "tesla": "T", "volt": "V", "watt": "W", "weber": "Wb",
}  # fmt: skip
_TO_KIND = {
    "mole": "mole", "litre": "litre", "meter": "metre", "second": "second", "gram": "gram", "count": "item",
    "cell_count": "item", "ampere": "ampere", "kelvin": "kelvin", "candela": "candela",
}  # fmt: skip
MOST_POWER = 20
_AVOGADRO = 6.02214179e23


class UnitPart(NamedTuple):
    """One ``unit`` element: (multiplier * 10^scale * kind)^exponent."""

    kind: str
    exponent: float
    scale: int
    multiplier: float


def from_kind(kind: str) -> Unit | None:
    """Give the unit of one of SBML's own kinds, or nothing when it is none."""
    if kind == "avogadro":
        return Unit(_AVOGADRO)
    return parse_unit(_FROM_KIND[kind]) if kind in _FROM_KIND else None


def from_parts(parts: Sequence[UnitPart]) -> Unit | None:
    """Give the unit that the parts of a definition multiply to.

    Nothing when a part is of a kind that hepatica does not know (degrees Celsius) or no positive number.
    """
    total = DIMENSIONLESS
    for part in parts:
        kind = from_kind(part.kind)
        if kind is None:
            return None
        factor = part.multiplier * 10.0**part.scale if abs(part.scale) < 300 else 0.0
        if not (math.isfinite(factor) and factor > 0 and abs(part.exponent) < 20):
            return None
        total = total.times(Unit(factor).times(kind), part.exponent)
        if not 0 < total.factor < math.inf or any(abs(power) > MOST_POWER for _, power in total.powers):
            return None
    return total


def readable(unit: Unit, hint: str = "") -> str:
    """Give a text for a unit: the hint when it says the same, else one built from nM, min, litre, ...

    A unit without a name, such as 7 seconds, gives nothing: as if it were not declared.
    """
    if hint and _means(hint, unit):
        return hint
    return unit.text if _means(unit.text, unit) else ""


def _means(text: str, unit: Unit) -> bool:
    try:
        parts = from_parts(to_parts(text))
        return (parts is not None and parts.same(unit)) or parse_unit(text).same(unit)
    except UnitError:
        return False


@cache
def to_parts(text: str) -> tuple[UnitPart, ...]:
    """Give the SBML parts of a unit text; wells, fold and arbitrary units are dimensionless, cells are items.

    Examples
    --------
    >>> to_parts("1/min")
    (UnitPart(kind='second', exponent=-1.0, scale=0, multiplier=60.0),)
    """
    unit = parse_unit(text)
    powers = {base: power for base, power in unit.powers if base in _TO_KIND}
    factor = unit.factor
    if powers.get("meter", 0.0) % 3 == 0 and "meter" in powers:
        powers["litre"] = powers.pop("meter") / 3
        factor *= 1e3 ** powers["litre"]
    parts: list[UnitPart] = []
    if "second" in powers:
        power = powers.pop("second")
        seconds = next((s for s in (60.0, 1.0, 3600.0, 86400.0) if _is_power_of_ten(factor / s**power)), 1.0)
        parts.append(UnitPart("second", power, 0, seconds))
        factor /= seconds**power
    order = sorted(powers, key=lambda base: (base != "mole", base == "litre", base))
    ones = [UnitPart(_TO_KIND[base], powers[base], 0, 1.0) for base in order] + parts
    return _with_factor(ones or [UnitPart("dimensionless", 1.0, 0, 1.0)], factor)


def _with_factor(parts: list[UnitPart], factor: float) -> tuple[UnitPart, ...]:
    """Put what is left of the factor into the first part that takes it as a power of ten, else into the first."""
    if math.isclose(factor, 1.0, rel_tol=1e-12):
        return tuple(parts)
    for i, part in enumerate(parts):
        scale = math.log10(factor) / part.exponent
        if part.multiplier == 1.0 and math.isclose(scale, round(scale), abs_tol=1e-10):
            return (*parts[:i], part._replace(scale=round(scale)), *parts[i + 1 :])
    first = parts[0]
    multiplier = float(f"{first.multiplier * factor ** (1 / first.exponent):.14g}")
    return (first._replace(multiplier=multiplier), *parts[1:])


def _is_power_of_ten(value: float) -> bool:
    exponent = math.log10(value)
    return math.isclose(exponent, round(exponent), abs_tol=1e-10)


def unit_id(text: str) -> str:
    """Give an SBML id for a unit text.

    Examples
    --------
    >>> unit_id("1/(nM*min)")
    'per_nM_min'
    """
    words = re.sub(r"\^-", "_minus_", text.replace("%", "percent")).replace("^", "")
    words = re.sub(r"^1/", "per_", words).replace("/", "_per_")
    name = re.sub(r"_+", "_", re.sub(r"\W", "_", words, flags=re.ASCII)).strip("_")
    return name if name[:1].isalpha() else f"unit_{name}"


class UnitReader:
    """Units of one SBML document, as readable texts.

    Units never change a number, so that one that is undefined, or that has no name, counts as not declared.

    Parameters
    ----------
    document_model
        ``libsbml.Model``.
    """

    def __init__(self, document_model: Any) -> None:
        self._hints: dict[str, str] = {}
        self._units: dict[str, Unit] = {}
        for definition in document_model.getListOfUnitDefinitions():
            key = definition.getId()
            parts = [
                UnitPart(
                    _kind(unit.getKind()),
                    float(unit.getExponentAsDouble()),
                    int(unit.getScale()),
                    float(unit.getMultiplier()),
                )
                for unit in definition.getListOfUnits()
            ]
            if not parts and not definition.isSetName():
                continue
            unit, hint = from_parts(parts), definition.getName() or ""
            if unit is None:
                continue
            named = bool(hint) and _means(hint, unit)
            self._units[key] = parse_unit(hint) if named else unit
            self._hints[key] = hint if named else ""

    def unit(self, key: str) -> Unit | None:
        """Give the unit of an id or kind; nothing when it is not defined."""
        return self._units.get(key) or from_kind(key)

    def text(self, key: str) -> str:
        """Give the readable text of an id or kind; empty when nothing is declared."""
        unit = self.unit(key) if key else None
        if unit is None:
            return ""
        return readable(unit, self._hints.get(key, "") or (key if key in {"litre", "dimensionless"} else ""))


def _kind(code: int) -> str:
    return str(libsbml.UnitKind_toString(code))
