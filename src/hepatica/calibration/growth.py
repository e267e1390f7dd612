"""Growth under inhibitors as measurements: wells relative to untreated ones, IC50s, doubling times."""

import math
from typing import Any

from hepatica.calibration.lines import Line
from hepatica.calibration.parts import Datum, different, formula, rows, spread, times
from hepatica.calibration.records import GrowthDrugRecord, GrowthRecord
from hepatica.errors import InputError
from hepatica.inference.problem import Estimate, Observable, Trial
from hepatica.model import Expression, Number, Symbol

CONTROL, SD = "control_cells", "growth_sd"
"""Inputs of the observables that a condition sets: untreated cells, and the replicates' standard deviation (% of control)."""
HOUR = 60.0


def growth(record: GrowthRecord, lines: dict[str, Line]) -> tuple[list[Datum], list[Estimate]]:
    """Give the growth measurements and what is estimated for them.

    Cells are counted relative to those of untreated wells of the same draw: their number is a parameter of each line, held to what the
    model gives without a drug.
    """
    potency = _potencies(record)
    inputs = [Estimate(id=CONTROL, nominal=1.0, estimated=False), Estimate(id=SD, nominal=0.0, estimated=False)]
    estimates = [*inputs, spread("growth_error", record.error_pct, record.error_sd), *potency.values()]
    at = record.at_h * HOUR
    log_control = Observable(id="untreated", formula=formula(f"ln(cells/{CONTROL})"), noise=Number(record.control_sd))
    activity = Observable(
        id="growth", formula=formula(f"100*(cells/{CONTROL} - 1)"), noise=formula(f"({SD}^2 + growth_error^2)^0.5")
    )
    half = Observable(
        id="growth_ic50",
        formula=formula(f"100*cells/{CONTROL}"),
        noise=formula(f"({record.ic50_error_pct}^2 + growth_error^2)^0.5"),
    )
    doubling = Observable(
        id="doubling_time",
        formula=formula(f"{math.log(2.0) / HOUR}/(division_rate - death_rate)"),
        noise=Number(record.doubling_time_sd),
        scale="log",
    )
    data: list[Datum] = []
    for line in lines.values():
        estimates.append(spread(_control(line), 3.4, 0.5))
        plain = _trial(record, line, "", 0.0, {})
        data.append(Datum(trial=plain, observable=log_control, time=at, value=0.0, group="untreated", role="fit"))

    def add(
        row: dict[str, Any], trial: Trial, what: Observable, time: float, value: float, group: str, beyond: int = 0
    ) -> None:
        role = "held-out" if "sorafenib" in group else str(row["role"])
        data.append(
            Datum(trial=trial, observable=what, time=time, value=value, group=group, role=role, censored=beyond)
        )

    for row in rows("doubling_times"):
        plain = _trial(record, lines[row["cell_line"]], "", 0.0, {})
        add(row, plain, doubling, 0.0, row["doubling_time_h"], "doubling_times")
    for row in rows("growth_ccle"):
        if row["role"] != "check":
            given = _given(record, potency, row["drug"], row["dose_uM"])
            run = _trial(record, lines[row["cell_line"]], row["drug"], row["dose_uM"], given, row["activity_sd_pct"])
            add(row, run, activity, at, row["activity_pct"], "growth_ccle")
    for row in rows("growth_ccle_sorafenib"):
        dose = Number(1000.0 * row["dose_uM"])
        run = _trial(
            record,
            lines[row["cell_line"]],
            row["drug"],
            row["dose_uM"],
            {"sorafenib_nominal": dose},
            row["activity_sd_pct"],
        )
        add(row, run, activity, at, row["activity_pct"], "growth_ccle_sorafenib")
    for row in rows("growth_gdsc"):
        dose = min(row["ic50_uM"], record.tested_up_to_uM)
        given = _given(record, potency, row["drug"], dose)
        run = _trial(record, lines[row["cell_line"]], row["drug"], dose, given)
        add(row, run, half, at, 50.0, "growth_gdsc", int(row["ic50_uM"] > record.tested_up_to_uM))
    return data, estimates


def _trial(
    record: GrowthRecord, line: Line, drug: str, dose: float, given: dict[str, Expression], sd: float = 0.0
) -> Trial:
    """Rested in serum without a drug; seeded with the drug. What only a reading needs belongs to the run, not to the rest."""
    rest: dict[str, Expression] = {**line.sets, "serum": Number(record.serum)}
    seen: dict[str, Expression] = {CONTROL: Symbol(_control(line)), SD: Number(sd), "cells": Number(1.0)}
    return Trial(id=f"{line.id}|{drug}|{dose:g}|{sd:g}", before=rest, after=rest | given | seen)


def _control(line: Line) -> str:
    return f"{CONTROL}_{different([line.id])[line.id]}"


def _potencies(record: GrowthRecord) -> dict[str, Estimate]:
    """One for each drug: what one uM of it makes of free concentration over Ki."""
    plain = different(record.drugs)
    return {
        name: spread(f"potency_{plain[name]}", 1000.0 / drug.Ki_nM / 3.0, drug.sd)
        for name, drug in record.drugs.items()
        if not drug.same
    }


def _given(record: GrowthRecord, potency: dict[str, Estimate], drug: str, dose: float) -> dict[str, Expression]:
    if drug not in record.drugs:
        raise InputError(f"the growth tables have the drug '{drug}', which the calibration does not name.")
    name = record.drugs[drug].same or drug
    what: GrowthDrugRecord = record.drugs[name]
    given = {target: times(dose * factor, potency[name].id) for target, factor in what.on.items()}
    if what.second_site:
        given["RAF_inhibitor_second_site"] = Symbol(what.second_site)
    return given
