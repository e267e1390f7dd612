"""Binding and timing of the receptors, from other cells: shared rates, own scales."""

from hepatica.calibration.lines import Line
from hepatica.calibration.parts import Datum, formula, rows, spread
from hepatica.calibration.records import Igf1BindingRecord, ScaledRecord
from hepatica.inference.problem import Estimate, Observable, Trial
from hepatica.model import Expression, Number, Symbol

HOT, HOT_SD = "igf1_hot", "igf1_hot_sd"


def igf1_binding(record: Igf1BindingRecord) -> tuple[list[Datum], list[Estimate]]:
    """Give the competition of IGF-1 at equilibrium (Kiselyov 2009): one site of the model's Kd, no simulation."""
    table = [row for row in rows("igf1r_binding") if row["experiment"] == "equilibrium"]
    estimates = [Estimate(id=n, nominal=1.0, estimated=False) for n in (HOT, HOT_SD)]
    estimates.append(spread("scale_igf1_binding", 1.0, 0.1))
    kd = "koff_IGF1R/kon_IGF1R"
    bound = Observable(
        id="igf1_bound",
        formula=formula(f"scale_igf1_binding*({kd} + {HOT})/({kd} + {HOT} + IGF1_added)"),
        noise=formula(f"({HOT_SD}^2 + {record.error}^2)^0.5"),
    )
    data = []
    for row in table:
        sets: dict[str, Expression] = {
            "IGF1_added": Number(float(row["igf1_cold_nM"])),
            HOT: Number(float(row["igf1_hot_nM"])),
            HOT_SD: Number(float(row["hot_bound_sd"])),
        }
        trial = Trial(id=f"IGF-1 binding|{row['igf1_cold_nM']:g}", after=sets)
        data.append(
            Datum(
                trial=trial,
                observable=bound,
                time=0.0,
                value=float(row["hot_bound_fraction"]),
                group="igf1r_binding",
                role=str(row["role"]),
            )
        )
    return data, estimates


def insulin_binding(record: ScaledRecord, line: Line) -> tuple[list[Datum], list[Estimate]]:
    """Give insulin on hepatocytes (Schwen 2014): bound and internalised receptor, a scale for each population, one background."""
    table = rows("insulin_binding")
    error = "error_insulin_binding"
    estimates = [
        spread("background_insulin_binding", 1.8, 0.3),
        spread(error, record.error_pct / 100.0, record.error_sd),
    ]
    observables = {}
    for population in dict.fromkeys(str(row["population"]) for row in table):
        scale = f"scale_insulin_binding_{population}"
        estimates.append(spread(scale, 1.0, record.scale_sd))
        observables[population] = Observable(
            id=f"insulin_bound_{population}",
            formula=formula(f"background_insulin_binding + {scale}*(IR_bound + pIR_surface + pIR_internal)"),
            noise=Symbol(error),
            scale="log",
        )
    rest: dict[str, Expression] = {**line.sets, "serum": Number(0.0), "IGF2_autocrine": Number(0.0)}
    data = []
    for row in table:
        trial = Trial(
            id=f"insulin binding|{row['insulin_pM']:g}",
            before=rest,
            after=rest | {"insulin_added": Number(float(row["insulin_pM"]) / 1000.0)},
        )
        data.append(
            Datum(
                trial=trial,
                observable=observables[row["population"]],
                time=float(row["time_min"]),
                value=float(row["bound_au"]),
                group="insulin_binding",
                role=str(row["role"]),
            )
        )
    return data, estimates


def insulin_timing(record: ScaledRecord, line: Line) -> tuple[list[Datum], list[Estimate]]:
    """Give receptor and IRS after a step of insulin in adipocytes (Brannmark 2010), a scale for each curve."""
    table = [row for row in rows("insulin_timing") if row["role"] == "fit"]
    seen = {"pIR": "pIR_surface + endosome_signal*pIR_internal", "pIRS1": "pIRS"}
    error, observables = "error_insulin_timing", {}
    estimates = [spread(error, record.error_pct / 100.0, record.error_sd)]
    for readout, what in seen.items():
        scale = f"scale_insulin_timing_{readout}"
        top = max(float(row["signal_au"]) for row in table if row["readout"] == readout)
        estimates.append(spread(scale, top / 10.0, record.scale_sd))
        observables[readout] = Observable(
            id=f"insulin_timing_{readout}",
            formula=formula(f"{scale}*({what})"),
            noise=formula(f"(({error}*{scale}*({what}))^2 + {0.05 * top}^2)^0.5"),
        )
    rest: dict[str, Expression] = {**line.sets, "serum": Number(0.0), "IGF2_autocrine": Number(0.0)}
    data = []
    for row in table:
        trial = Trial(
            id=f"insulin timing|{row['insulin_nM']:g}",
            before=rest,
            after=rest | {"insulin_added": Number(float(row["insulin_nM"]))},
        )
        data.append(
            Datum(
                trial=trial,
                observable=observables[row["readout"]],
                time=float(row["time_min"]),
                value=float(row["signal_au"]),
                group="insulin_timing",
                role=str(row["role"]),
            )
        )
    return data, estimates
