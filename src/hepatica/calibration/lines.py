"""Cell lines as conditions: what is set in each, and what is estimated in each by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hepatica.calibration.parts import different, spread, times
from hepatica.calibration.records import LineRecord
from hepatica.errors import InputError
from hepatica.inference.problem import Estimate
from hepatica.library import load_cell_line
from hepatica.model import Expression, Model, Number, Symbol
from hepatica.units import convert


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A cell line as a condition.

    Parameters
    ----------
    id
        Of the library.
    sets
        What its condition sets: numbers, or estimated parameters.
    own
        For each parameter that is estimated for this line by itself, its estimate.
    """

    id: str
    sets: Mapping[str, Expression]
    own: Mapping[str, Estimate]


def lines(records: Sequence[LineRecord], model: Model, estimated: Mapping[str, Estimate]) -> tuple[Line, ...]:
    """Give the lines of a calibration.

    Parameters
    ----------
    records
        What is estimated in each.
    model
        With units.
    estimated
        The parameters that all lines share.
    """
    return tuple(_line(record, model, estimated) for record in records)


def _line(record: LineRecord, model: Model, estimated: Mapping[str, Estimate]) -> Line:
    line = load_cell_line(record.cell_line)
    parameters = {p.id: p for p in model.parameters}
    sets: dict[str, Expression] = {}
    values = {p.id: p.value for p in model.parameters}
    for change in line.changes:
        if change.start is not None:
            continue  # seeding: the growth experiments do it
        if change.how == "set":
            unit = parameters[change.target].unit
            values[change.target] = convert(change.value, change.unit, unit) if unit else change.value
            sets[change.target] = Number(values[change.target])
        elif change.how == "scale":
            values[change.target] *= change.value
            shared = change.target in estimated
            sets[change.target] = times(change.value, change.target) if shared else Number(values[change.target])
        else:
            raise InputError(
                f"cell line '{line.id}' does '{change.how}' to '{change.target}'; a calibration takes 'set' and 'scale'."
            )
    own = {}
    for free in record.free:
        if free.parameter not in parameters:
            raise InputError(f"line '{line.id}' frees '{free.parameter}', which is no parameter of the model.")
        name = f"{free.parameter}_{different([line.id])[line.id]}"
        own[free.parameter] = spread(name, free.centre or values[free.parameter], free.sd)
        sets[free.parameter] = Symbol(name)
    return Line(id=line.id, sets=sets, own=own)
