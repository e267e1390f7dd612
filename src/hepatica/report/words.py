"""What a result says, in sentences made from its numbers."""

from collections.abc import Sequence

import numpy as np

from hepatica.claims import Verdict
from hepatica.experiment import Arm, Change
from hepatica.report.data import ExperimentData, Floats, ReportData, draws_of, find_readout, quantiles, weights_of
from hepatica.report.style import display_name

LITTLE = 0.1
"""Shifts by less than this share are called small."""
CLAMPS = {"akt": "Akt", "erk": "ERK", "both": "both"}


def number(value: float, digits: int = 3) -> str:
    """Give a number for a reader: a few digits, a true minus, words where there is none.

    Examples
    --------
    >>> number(-0.01234), number(float("inf")), number(float("nan"))
    ('−0.0123', 'above the top dose', '–')
    """
    if np.isnan(value):
        return "–"
    if np.isinf(value):
        return "above the top dose" if value > 0 else "unboundedly lower"
    return f"{value:.{digits}g}".replace("-", "−")


def percent(share: float) -> str:
    """Give a share in percent, with a true minus."""
    return f"{100 * share:.0f} %".replace("-", "−")


def together(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Give the verdicts on whole claims."""
    return [v for v in verdicts if v.contrast == "all"]


def answer(result: ReportData) -> list[str]:
    """Answer the study's question in a few sentences, from its numbers alone.

    Parameters
    ----------
    result
        The study's result.

    Returns
    -------
    list of str
        One paragraph each: effect by cell line, pathway, claims, and how sure.
    """
    paragraphs = [*_effects(result), *_pathways(result), *_claims(result.verdicts), _how_sure(result)]
    return [p for p in paragraphs if p]


def _effects(result: ReportData) -> list[str]:
    effect = result.study.effect
    ic50 = None if effect is None else find_readout(result, effect.experiment, "ic50")
    if effect is None or ic50 is None:
        return []
    weights = weights_of(result.ensemble, ic50)
    out = []
    for line in (str(c) for c in ic50["cell_line"].values):
        treated, reference = (draws_of(ic50, cell_line=line, arm=a) for a in (effect.treated, effect.reference))
        out.append(_effect(line, effect.treated, effect.reference, treated, reference, weights))
    return out


def _effect(line: str, name: str, against: str, treated: Floats, reference: Floats, weights: Floats) -> str:
    with np.errstate(invalid="ignore"):
        ratio = treated / reference
    known = ~np.isnan(ratio)
    middle = quantiles(reference, [0.5], weights)[0]
    level = f"In {line} sorafenib's IC50 is {number(float(middle))} {'µM' if np.isfinite(middle) else ''} (median over draws)".replace(
        "  ", " "
    )
    if not known.any():
        return f"{level}; with {display_name(name)} no draw has an IC50 to compare."
    low, half, high = quantiles(ratio, (0.05, 0.5, 0.95), weights)
    lower = float(np.average(ratio[known] < 1, weights=weights[known]))
    size = "hardly moves it" if abs(half - 1) < LITTLE else "lowers it" if half < 1 else "raises it"
    unknown = float(np.average(~known, weights=weights))
    censored = bool((np.isinf(treated) & np.isinf(reference))[~known].all())
    why = "neither curve reaches 50 %" if censored else "neither curve reaches 50 % or a run failed"
    rest = f"; {percent(unknown)} of the draws cannot be compared because {why}" if unknown else ""
    return (
        f"{level}. {display_name(name)}, against {display_name(against)}, {size}: a factor of {number(float(half))} "
        f"(90 % of draws {number(float(low))} to {number(float(high))}), lower in {percent(lower)} of the draws that can be compared{rest}."
    )


def _pathways(result: ReportData) -> list[str]:
    table = result.pathway
    out = []
    for line in dict.fromkeys(table["cell_line"]) if len(table) else ():
        parts = [
            f"holding {row.pathway} takes away {percent(row.share)} (90 % of draws {percent(row.q05)} to {percent(row.q95)})"
            for row in table[(table["cell_line"] == line) & (table["pathway"] != "both")].itertuples()
            if np.isfinite(float(row.share))
        ]
        if parts:
            out.append(f"Of the shift in {line}, {' and '.join(parts)}.")
    return out


def _claims(verdicts: Sequence[Verdict]) -> list[str]:
    out = []
    for line in dict.fromkeys(v.cell_line for v in verdicts):
        mine = [v for v in together(verdicts) if v.cell_line == line and v.kind == "entailed"]
        if mine:
            said = [
                f"{o}: {', '.join(v.claim for v in mine if v.outcome == o) or 'none'}"
                for o in ("supported", "contradicted", "undecided")
            ]
            out.append(f"Statements that the model must give by itself, in {line}: {'; '.join(said)}.")
    return out


def _how_sure(result: ReportData) -> str:
    attrs = result.screening.attrs
    draws = result.ensemble.draws.sizes["draw"]
    origin = (
        "prior draws that are not fitted to data"
        if result.ensemble.origin == "prior"
        else f"{result.ensemble.origin} draws"
    )
    passed = (
        f" ({attrs['accepted']} of {attrs['candidates']} candidates passed the screening)"
        if "candidates" in attrs
        else ""
    )
    return f"All this rests on {draws} {origin}{passed}; it says what the wiring and our ignorance imply."


def describe_change(change: Change) -> str:
    """Say what a change does."""
    how = {"set": "set to", "scale": "times", "add": "plus", "infuse": "infused at"}[change.how]
    unit = "" if change.how == "scale" or change.unit in {"", "dimensionless"} else f" {change.unit}"
    when = "throughout" if change.start is None else f"from {clock(change.start)}"
    until = "" if change.stop is None else f" to {clock(change.stop)}"
    return f"{change.target} {how} {number(change.value, 6)}{unit}, {when}{until}"


def clock(minutes: float) -> str:
    """Give a time in the unit that reads best."""
    for size, name in ((1440.0, "d"), (60.0, "h")):
        if minutes and minutes % size == 0:
            return f"{minutes / size:g} {name}"
    return f"{minutes:g} min"


def list_arms(experiment: ExperimentData) -> str:
    """Say which arms there are: manipulations, and the doses that each of them gets."""
    doses: dict[str, list[float]] = {}
    others: list[str] = []
    for arm in experiment.arms:
        labels = arm.all_labels
        dose = labels.get("sorafenib_uM")
        if isinstance(dose, float | int):
            held = f" with {CLAMPS.get(str(labels['clamp']), labels['clamp'])} held" if labels.get("clamp") else ""
            doses.setdefault(f"{display_name(str(labels.get('manipulation') or 'control'))}{held}", []).append(
                float(dose)
            )
        else:
            others.append(arm.id)
    groups: dict[tuple[float, ...], list[str]] = {}
    for name, series in doses.items():
        groups.setdefault(tuple(series), []).append(name)
    said = [f"{', '.join(names)}; each with sorafenib {', '.join(f'{d:g}' for d in series)} µM" if any(series) else ", ".join(names)
            for series, names in groups.items()]  # fmt: skip
    return ". ".join([*said, *([", ".join(others)] if others else [])]) + "."


def describe_arms(arms: Sequence[Arm]) -> list[tuple[str, str, str]]:
    """Give each intervention of some arms once, but for the series of doses: name, what it does, note with basis."""
    rows: dict[str, tuple[str, str, str]] = {}
    for arm in arms:
        for intervention in arm.interventions:
            if intervention.id in rows or "sorafenib_uM" in intervention.labels:
                continue  # the doses of a series are told with the arms
            changes = "; ".join(describe_change(c) for c in intervention.changes) or "nothing"
            bases = dict.fromkeys(
                f"{c.evidence.basis}: {c.evidence.note}" for c in intervention.changes if c.evidence and c.evidence.note
            )
            rows[intervention.id] = (
                intervention.name or intervention.id,
                changes,
                " ".join([intervention.note, *bases]).strip(),
            )
    return list(rows.values())
