"""Quantities with units: the only place that converts.

Inside hepatica numbers are plain floats in the units of the model (nM and minutes for the HCC model). At every border
they are text or pint quantities and pass through here.
"""

from functools import cache
from typing import Any

import pint

from hepatica.errors import UnitError, did_you_mean

_COMMON = ("nM", "uM", "mM", "min", "h", "day", "s", "mg/kg", "mm^3", "dimensionless", "litre", "1/min", "cells", "fold")


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


def _parse(text: str) -> Any:
    try:
        return registry().parse_expression(text)
    except pint.UndefinedUnitError as error:
        names = error.unit_names
        unknown = names if isinstance(names, str) else str(next(iter(names)))
        raise UnitError(f"'{text}' has the unknown unit '{unknown}'.{did_you_mean(unknown, _COMMON)}") from error
    except (pint.PintError, ValueError, TypeError, SyntaxError, AttributeError, AssertionError) as error:
        raise UnitError(f"'{text}' is not a quantity; expected a number and a unit, such as '10 uM'.") from error
    except Exception as error:
        # pint evaluates through the tokenizer, whose own errors share no base with pint's
        if type(error).__module__ in {"tokenize", "pint.util", "pint.pint_eval"}:
            raise UnitError(f"'{text}' is not a quantity; expected a number and a unit, such as '10 uM'.") from error
        raise


def convert(value: float, unit: str, to: str) -> float:
    """Convert a number between units.

    Parameters
    ----------
    value
        The number, in ``unit``.
    unit, to
        Unit names that pint or the bench knows, such as ``"uM"`` and ``"nM"``.

    Returns
    -------
    float
        The number in ``to``.

    Raises
    ------
    UnitError
        When a unit is unknown or the dimensions differ.

    Examples
    --------
    >>> convert(10.0, "uM", "nM")
    10000.0
    """
    if unit == to:
        return value
    try:
        factor = _factor(unit, to)
    except pint.DimensionalityError as error:
        raise UnitError(f"'{value:g} {unit}' cannot be given in '{to}': the dimensions differ.") from error
    return value * factor


@cache
def _factor(unit: str, to: str) -> float:
    quantity = registry().Quantity(1.0, _parse(unit or "dimensionless").units if unit else "dimensionless")
    target = _parse(to).units if to else registry().dimensionless
    factor = float(quantity.to(target).magnitude)
    return round(factor, 12) if abs(factor - round(factor)) < 1e-12 * abs(factor) else factor


def quantity(text: str, to: str) -> float:
    """Read a quantity such as ``"10 uM"`` and give its number in a unit.

    Parameters
    ----------
    text
        A number and a unit.
    to
        The unit of the result.

    Returns
    -------
    float
        The number in ``to``.

    Raises
    ------
    UnitError
        When the unit is missing, unknown or of the wrong dimension.

    Examples
    --------
    >>> quantity("72 h", "min")
    4320.0
    """
    if not isinstance(text, str):
        raise UnitError(f"{text!r} has no unit; expected text with a unit that converts to '{to}', such as '1 {to}'.")
    parsed = _parse(text)
    if not hasattr(parsed, "units"):
        if _same_dimension("dimensionless", to):
            return float(parsed)
        raise UnitError(f"'{text}' has no unit; expected one that converts to '{to}', such as '{text} {to}'.")
    if not _same_dimension(str(parsed.units), to):
        raise UnitError(f"'{text}' has the wrong unit; expected one that converts to '{to}'.")
    return convert(float(parsed.magnitude), str(parsed.units), to)


def _same_dimension(unit: str, to: str) -> bool:
    return bool(_parse(f"1 {unit}").check(_parse(f"1 {to}").dimensionality))


def check_unit(unit: str) -> None:
    """Raise :class:`UnitError` when a unit is unknown."""
    if unit:
        _parse(f"1 {unit}")
