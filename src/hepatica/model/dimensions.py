"""Units as exact powers of base units, so that formulas can be checked for balance."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from hepatica.units import read_unit, registry

_SI_NAMES = {
    "meter": "m",
    "gram": "g",
    "second": "s",
    "ampere": "A",
    "kelvin": "K",
    "candela": "cd",
    "cell_count": "cells",
}
_CONCENTRATION = (("nM", 1e-6), ("uM", 1e-3), ("mM", 1.0), ("M", 1e3), ("pM", 1e-9))
_SUBSTANCE = (
    ("nmol", 1e-9),
    ("umol", 1e-6),
    ("mmol", 1e-3),
    ("mol", 1.0),
    ("pmol", 1e-12),
    ("fmol", 1e-15),
    ("amol", 1e-18),
)
_VOLUME = (("litre", 1e-3), ("mL", 1e-6), ("mm^3", 1e-9), ("pL", 1e-15), ("fL", 1e-18), ("m^3", 1.0), ("um^3", 1e-18))
_LENGTH = (("m", 1.0), ("cm", 1e-2), ("mm", 1e-3), ("um", 1e-6), ("dm", 1e-1), ("nm", 1e-9))
_TIME = (("min", 60.0), ("s", 1.0), ("h", 3600.0), ("day", 86400.0))
_MASS = (("g", 1.0), ("mg", 1e-3), ("ug", 1e-6), ("kg", 1e3), ("ng", 1e-9), ("pg", 1e-12))


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as ``factor`` times powers of base units (mole, metre, second, gram, ...).

    Two units are the same when the dimensions are and the factors agree to 1e-9; nM and uM differ.

    Examples
    --------
    >>> parse_unit("1/(nM*min)").times(parse_unit("nM")).text
    '1/min'
    """

    factor: float
    powers: tuple[tuple[str, float], ...] = ()

    def times(self, other: "Unit", exponent: float = 1.0) -> "Unit":
        """Give this unit times another one to a power."""
        powers = dict(self.powers)
        for base, power in other.powers:
            powers[base] = round(powers.get(base, 0.0) + exponent * power, 9)
        return Unit(self.factor * _raised(other.factor, exponent), _sorted(powers))

    def power(self, exponent: float) -> "Unit":
        """Give this unit to a power."""
        return DIMENSIONLESS.times(self, exponent)

    def same(self, other: "Unit") -> bool:
        """Tell whether numbers in both units mean the same."""
        return self.powers == other.powers and math.isclose(self.factor, other.factor, rel_tol=1e-9)

    @property
    def text(self) -> str:
        """Readable text that :func:`parse_unit` reads back, unless a number is left in front (``7*s``)."""
        return _text(self)


DIMENSIONLESS = Unit(1.0)


def _raised(factor: float, exponent: float) -> float:
    """Give a power, infinite where it is too large for a number."""
    try:
        return float(factor**exponent)
    except (OverflowError, ZeroDivisionError):
        return math.inf


def _sorted(powers: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted((base, float(power)) for base, power in powers.items() if power))


@cache
def parse_unit(text: str) -> Unit:
    """Read a unit such as ``"1/(nM*min)"``; nothing means dimensionless.

    Raises
    ------
    UnitError
        When the unit is unknown.
    """
    if not text.strip():
        return DIMENSIONLESS
    unit = read_unit(text)
    root = registry().Quantity(1.0, unit).to_root_units()
    # pint keeps the names of dimensionless units (fold, OD, radian) as roots; only a count means more than a number
    powers = {str(b): float(str(power)) for b, power in root.unit_items() if registry().get_dimensionality(str(b))}
    powers |= {str(b): float(str(power)) for b, power in unit._units.items() if b == "count"}
    return Unit(float(root.magnitude), _sorted(powers))


@cache
def _text(unit: Unit) -> str:
    powers = dict(unit.powers)
    substance, length = powers.pop("mole", 0.0), powers.pop("meter", 0.0)
    axes: list[list[tuple[str, float, float]]] = []
    if substance and length == -3 * substance:
        axes.append([(token, factor, substance) for token, factor in _CONCENTRATION])
    else:
        if substance:
            axes.append([(token, factor, substance) for token, factor in _SUBSTANCE])
        if length:
            cubes = length % 3 == 0
            axes.append([(t, f, length / 3 if cubes else length) for t, f in (_VOLUME if cubes else _LENGTH)])
    for base, tokens in (("second", _TIME), ("gram", _MASS)):
        if base in powers:
            power = powers.pop(base)
            axes.append([(token, factor, power) for token, factor in tokens])
    axes.extend([[(_SI_NAMES.get(base, base), 1.0, power)] for base, power in powers.items()])
    choices = list(itertools.product(*axes))
    sizes = [math.prod(_raised(f, p) for _, f, p in choice) for choice in choices]
    for choice, size in zip(choices, sizes, strict=True):
        if size > 0 and math.isclose(size, unit.factor, rel_tol=1e-9):
            return _join([(token, power) for token, _, power in choice])
    numbers = [f"{unit.factor / size if size else math.inf:.12g}" for size in sizes]
    number, choice = min(zip(numbers, choices, strict=True), key=lambda pair: len(pair[0]))
    return f"{number}*{_join([(token, power) for token, _, power in choice])}"


def _join(tokens: list[tuple[str, float]]) -> str:
    above = [_power(token, power) for token, power in tokens if power > 0]
    below = [_power(token, -power) for token, power in tokens if power < 0]
    top = "*".join(above) or ("1" if below else "dimensionless")
    if not below:
        return top
    return f"{top}/{below[0]}" if len(below) == 1 else f"{top}/({'*'.join(below)})"


def _power(token: str, power: float) -> str:
    if power == 1:
        return token
    base, _, cube = token.partition("^")
    return f"{base}^{power * float(cube or 1):g}"
