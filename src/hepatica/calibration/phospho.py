"""Bead arrays as measurements: a reader that saturates, one scale for each data set and readout."""

import math

from hepatica.calibration.lines import Line
from hepatica.calibration.parts import Datum, formula, rows, spread
from hepatica.calibration.records import PhosphoRecord
from hepatica.errors import InputError
from hepatica.inference.problem import Estimate, Observable, Trial
from hepatica.library import load_measurements
from hepatica.model import Expression, Number, Symbol


def phospho(record: PhosphoRecord, lines: dict[str, Line]) -> tuple[list[Datum], list[Estimate]]:
    """Give the bead arrays' measurements and what is estimated for them.

    A reading is ``b + (c - b) s x/(1 + s x)`` with background b and ceiling c of the data set and scale s of the readout in it; its
    error is log-normal, of the replicates' and of the model together (biology 5.3).
    """
    data: list[Datum] = []
    estimates = [
        spread(f"potency_{name}", inhibitor.centre, inhibitor.sd) for name, inhibitor in record.inhibitors.items()
    ]
    estimates += [spread(f"model_error_{r}", record.model_error, record.model_error_sd) for r in record.readouts]
    noise = load_measurements("phospho_noise").set_index(["dataset", "readout"])["replicate_cv"]
    for name in record.tables:
        short = name.removeprefix("phospho_")
        estimates += [
            spread(f"ceiling_{short}", record.ceiling, record.ceiling_sd),
            spread(f"background_{short}", record.background, record.background_sd),
        ]
        observables = {}
        for readout, what in record.readouts.items():
            scale = f"scale_{readout}_{short}"
            estimates.append(spread(scale, 1.0 / what.half, record.scale_sd))
            cv = noise.get((name, readout), math.nan)
            observables[readout] = Observable(
                id=f"{readout}_{short}",
                formula=formula(
                    f"background_{short} + (ceiling_{short} - background_{short})*{scale}*({what.formula})/(1 + {scale}*({what.formula}))"
                ),
                noise=formula(f"({cv if cv == cv else 0.0}^2 + model_error_{readout}^2)^0.5"),
                scale="log",
            )
        for row in rows(name):
            if row["readout"] not in observables:
                raise InputError(
                    f"table '{name}' has the readout '{row['readout']}', which the calibration has no formula for."
                )
            data.append(
                Datum(
                    trial=_trial(record, lines[str(row["cell_line"])], str(row["stimulus"]), str(row["inhibitor"])),
                    observable=observables[str(row["readout"])],
                    time=float(row["time_min"]),
                    value=float(row["mfi"]),
                    group=name,
                    role=str(row["role"]),
                )
            )
    return data, estimates


def _trial(record: PhosphoRecord, line: Line, stimulus: str, inhibitor: str) -> Trial:
    """Starved to a steady state, then the inhibitor, then the stimulus."""
    rest: dict[str, Expression] = {**line.sets, "serum": Number(0.0)}
    given: dict[str, Expression] = {}
    for name in () if inhibitor == "none" else inhibitor.split("+"):
        given |= {p: Symbol(f"potency_{name}") for p in record.inhibitors[name].parameters}
    ligands: dict[str, Expression] = {}
    for name in () if stimulus == "none" else stimulus.split("+"):
        ligands[record.stimuli[name].parameter] = Number(record.stimuli[name].value)
    identity = f"{line.id}|{stimulus}|{inhibitor}"
    if not given:
        return Trial(id=identity, before=rest, after=rest | ligands)
    later = ((0.0, ligands),) if ligands else ()
    return Trial(id=identity, before=rest, after=rest | given, start=-record.before_stimulus_min, later=later)
