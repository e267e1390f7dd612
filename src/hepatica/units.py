"""Quantities with units: the only place that converts.

Inside hepatica numbers are plain floats in the units of the model (nM and minutes for the HCC model). At every border
they are text and pass through here. Units are read by a small grammar of our own and only their names are looked up in
pint, so that nothing a user writes is ever evaluated.
"""

import math
import re
from functools import cache
from typing import Any

import pint

from hepatica.errors import UnitError, did_you_mean

_COMMON = ("nM", "uM", "mM", "min", "h", "day", "s", "mg/kg", "mm^3", "litre", "1/min", "cells", "fold")
_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\d.])\s*(.*?)\s*", re.DOTALL)
_TOKEN = re.compile(
    r"\s*((?:\*\*|\^)\s*(?:-?\d{1,2}(?:\.\d+)?|\(-?\d{1,2}(?:\.\d+)?\))(?![\w.])|[^\W\d]\w*|%|1(?![\w.])|[*/()])\s*"
)
_LONGEST = 100  # characters of a unit


@cache
def registry() -> pint.UnitRegistry[Any]:
    """Give the one unit registry: pint's, with the bench's own units (cells, wells, OD, AU, fold, IU)."""
    ureg: pint.UnitRegistry[Any] = pint.UnitRegistry(cache_folder=None)
    for line in (
        "cell_count = [cell_count] = cells = cells",
        "well = [well] = wells",
        "optical_density = [] = OD",
        "arbitrary_unit = [arbitrary] = AU",
        "fold = []",
        "international_unit = [international_unit] = IU",
    ):
        ureg.define(line)
    return ureg


@cache
def _unit(text: str) -> Any:
    """Read a unit; nothing means dimensionless."""
    if not text.strip():
        return registry().dimensionless
    tokens: list[str] = []
    position = 0
    while position < len(text) <= _LONGEST and (token := _TOKEN.match(text, position)):
        tokens.append(token[1])
        position = token.end()
    unit = _product(tokens) if position == len(text) else None
    if unit is None or tokens:
        raise UnitError(f"'{text}' is not a unit; expected one such as 'uM', '1/min' or 'mg/kg/day'.")
    return unit


def _product(tokens: list[str]) -> Any:
    """Read ``factor [*/] factor ...`` off the front of the tokens; None when they are no unit."""
    unit = _factor_unit(tokens)
    while unit is not None and tokens and tokens[0] != ")":
        divide = tokens[0] == "/"
        if tokens[0] in {"*", "/"}:
            tokens.pop(0)
        factor = _factor_unit(tokens)
        if factor is None:
            return None
        unit = unit / factor if divide else unit * factor
    return unit


def _factor_unit(tokens: list[str]) -> Any:
    """Read one name, 1 or bracket, with its power."""
    head = tokens.pop(0) if tokens else ""
    if head == "(":
        unit = _product(tokens)
        if unit is None or not tokens or tokens.pop(0) != ")":
            return None
    elif head == "1":
        unit = registry().dimensionless
    elif head == "%" or head.isidentifier():
        unit = _named_unit("percent" if head == "%" else head)
    else:
        return None
    if tokens and tokens[0].startswith(("**", "^")):
        power = float(tokens.pop(0).lstrip("*^ ").strip("()"))
        unit = unit ** (int(power) if power.is_integer() else power)
    return unit


def _named_unit(name: str) -> Any:
    try:
        known = registry().get_name(name)
        return registry().Unit(registry().UnitsContainer({known: 1})) if known else registry().dimensionless
    except (pint.UndefinedUnitError, pint.OffsetUnitCalculusError) as error:  # the latter: a prefix before degC
        raise UnitError(f"the unit '{name}' is unknown.{did_you_mean(name, _COMMON)}") from error


def convert(value: float, unit: str, to: str) -> float:
    """Convert a number between units.

    Parameters
    ----------
    value
        The number, in ``unit``.
    unit, to
        Unit names that pint or the bench knows, such as ``"uM"`` and ``"nM"``; empty means dimensionless.

    Returns
    -------
    float
        The number in ``to``.

    Raises
    ------
    UnitError
        When a unit is unknown, the dimensions differ, or the scale has its own zero (degrees Celsius).

    Examples
    --------
    >>> convert(10.0, "uM", "nM")
    10000.0
    """
    if unit == to:
        return value
    factor = _factor(unit, to)
    if factor is None:
        given = f"{value:g} {unit}".rstrip()
        raise UnitError(f"'{given}' cannot be given in '{to or 'dimensionless'}': the dimensions differ.")
    return value * factor


@cache
def _factor(unit: str, to: str) -> float | None:
    """Give the factor between two units, or None when the dimensions differ."""
    given, target = _unit(unit), _unit(to)
    try:
        zero = float(registry().Quantity(0.0, given).to(target).magnitude)
        factor = float(registry().Quantity(1.0, given).to(target).magnitude)
    except pint.DimensionalityError:
        return None
    if zero != 0.0:
        raise UnitError(f"'{unit}' to '{to}' is not a factor; use units that start at zero, such as 'kelvin'.")
    decimal = float(f"{factor:.12g}")  # 0.001 and not the neighbour that a chain of multiplications gives
    return decimal if math.isclose(decimal, factor, rel_tol=1e-15) else factor


def quantity(text: str, to: str) -> float:
    """Read a quantity such as ``"10 uM"`` and give its number in a unit.

    Parameters
    ----------
    text
        A number and a unit.
    to
        The unit of the result; empty means dimensionless, and then the text needs no unit either.

    Returns
    -------
    float
        The number in ``to``.

    Raises
    ------
    UnitError
        When the unit is missing, unknown or of the wrong dimension, or the text is not a finite number and a unit.

    Examples
    --------
    >>> quantity("72 h", "min")
    4320.0
    """
    if not isinstance(text, str):
        raise UnitError(f"{text!r} has no unit; expected text with a unit that converts to '{to}', such as '1 {to}'.")
    parts = _QUANTITY.fullmatch(text)
    if parts is None or not math.isfinite(float(parts[1])):
        raise UnitError(f"'{text}' is not a quantity; expected a number and a unit, such as '10 {to or 'uM'}'.")
    number, unit = parts[1], f"1{parts[2]}" if parts[2].startswith("/") else parts[2]
    if not unit and not _same_dimension("", to):
        raise UnitError(f"'{text}' has no unit; expected one that converts to '{to}', such as '{number} {to}'.")
    try:
        if not _same_dimension(unit, to):
            wanted = f"'{to}'" if to else "a plain number"
            raise UnitError(f"'{text}' has the wrong unit; expected one that converts to {wanted}.")
        return convert(float(number), unit, to)
    except UnitError as error:
        if text in str(error):
            raise
        raise UnitError(f"in '{text}': {error}") from error


def _same_dimension(unit: str, to: str) -> bool:
    return bool(_unit(unit).dimensionality == _unit(to).dimensionality)


def read_unit(unit: str) -> Any:
    """Give a unit as pint has it; nothing means dimensionless.

    Raises
    ------
    UnitError
        When it is unknown.
    """
    return _unit(unit)


def check_unit(unit: str) -> None:
    """Raise :class:`UnitError` when a unit is unknown; nothing is a unit too (dimensionless)."""
    if unit:
        _unit(unit)
