"""Rows of the report's tables."""

from collections.abc import Sequence

import numpy as np

from hepatica.claims import Claim, Contrast, Verdict
from hepatica.evidence import Source
from hepatica.model import basis_share
from hepatica.report.data import (
    ReportData,
    Table,
    cell_lines_of,
    draws_of,
    find_readout,
    prior_verdict,
    quantiles,
    weights_of,
)
from hepatica.report.decides import OUTCOMES
from hepatica.report.words import number, percent

FEWEST = 20
"""Draws that a probability without a data set needs to be compared."""
SMALLEST = 0.05
"""Change of a probability that is worth a word."""


def claim_rows(result: ReportData) -> Table:
    """Give one row for each claim, with its verdicts and those of its contrasts."""
    lines = list(dict.fromkeys(v.cell_line for v in result.verdicts))
    rows: Table = []
    for claim in result.study.claims:
        mine = [v for v in result.verdicts if v.claim == claim.id]
        whole = {v.cell_line: v for v in mine if v.contrast == "all"}
        cells = [
            verdict_cell(whole[line], _single(claim, mine, line), prior_verdict(result, whole[line]))
            if line in whole
            else None
            for line in lines
        ]
        several = claim.contrasts if len(claim.contrasts) > 1 else ()
        details = [
            {"contrast": describe_contrast(c), "cells": [_of(result, mine, c.id, line) for line in lines]}
            for c in several
        ]
        rows.append(
            {
                "id": claim.id,
                "text": claim.text,
                "where": claim.where,
                "kind": claim.kind,
                "contrasts": [describe_contrast(c) for c in claim.contrasts],
                "cells": cells,
                "details": details,
            }
        )
    return rows


def _single(claim: Claim, verdicts: Sequence[Verdict], line: str) -> Verdict | None:
    """The effect of a claim with one contrast is that contrast's."""
    if len(claim.contrasts) != 1:
        return None
    return next((v for v in verdicts if v.cell_line == line and v.contrast == claim.contrasts[0].id), None)


def _of(result: ReportData, verdicts: Sequence[Verdict], contrast: str, line: str) -> dict[str, str] | None:
    found = next((v for v in verdicts if v.contrast == contrast and v.cell_line == line), None)
    return None if found is None else verdict_cell(found, found, prior_verdict(result, found))


def verdict_cell(verdict: Verdict, effect: Verdict | None, prior: Verdict | None = None) -> dict[str, str]:
    """Give a verdict as text: outcome with its sign, probability with error, effect with interval, draws."""
    left = f", {verdict.left_out} left out" if verdict.left_out else ""
    shown = (
        ""
        if effect is None or not effect.n
        else f"{number(effect.effect)} [{number(effect.interval[0])}, {number(effect.interval[1])}]"
    )
    opposite = "" if not verdict.opposite >= 0.005 else f"opposite sign {verdict.opposite:.2f}"
    return {
        "outcome": verdict.outcome,
        "sign": OUTCOMES.get(verdict.outcome, OUTCOMES["undecided"])[2],
        "probability": f"P = {verdict.probability:.3f} ± {verdict.error:.3f}" if verdict.n else "no draw can tell",
        "prior": "" if prior is None or not prior.n else f"before the data {prior.probability:.3f}",
        "opposite": opposite,
        "effect": shown,
        "draws": f"n = {verdict.n}{left}",
    }


def influence_rows(result: ReportData) -> Table:
    """Give for each claim and cell line the data sets that move it, the strongest first; none that is within twice its error."""
    table = result.influence
    if table.empty:
        return []
    rows: Table = []
    for claim in result.study.claims:
        cells = []
        for line in dict.fromkeys(v.cell_line for v in result.verdicts):
            mine = table[(table["claim"] == claim.id) & (table["cell_line"] == line) & (table["n"] >= FEWEST)]
            clear = mine[(mine["change"].abs() > 2.0 * mine["error"]) & (mine["change"].abs() >= SMALLEST)]
            strongest = clear.reindex(clear["change"].abs().sort_values(ascending=False).index)
            parts = [
                f"without {str(row.data_set).replace('_', ' ')} {row.probability:.2f} ± {row.error:.2f}"
                for row in strongest.itertuples()
            ]
            cells.append("; ".join(parts) or ("none clearly" if len(mine) else "not asked"))
        rows.append({"id": claim.id, "text": claim.text, "cells": cells})
    return rows


def influence_unknown(result: ReportData) -> list[str]:
    """Give the data sets without which too few draws pass the screening, each with their number."""
    if result.influence.empty:
        return []
    most = result.influence.groupby("data_set", sort=False)["n"].max()
    return [f"{str(name).replace('_', ' ')} ({count})" for name, count in most.items() if count < FEWEST]


def decisive_rows(result: ReportData) -> Table:
    """Give for each undecided claim and cell line whether data are lacking, and the parameters that it depends on most."""
    table = result.decisive
    if table.empty:
        return []
    names = {p.id: p.name for p in result.study.model.parameters}
    rows: Table = []
    for (claim, line), part in table.groupby(["claim", "cell_line"], sort=False):
        why = part["why"].iloc[0]
        parts = [
            {"parameter": row["parameter"], "name": names.get(str(row["parameter"]), ""), "rho": number(row["rho"], 2),
             "width": number(row["width"], 2)}
            for row in part.to_dict("records") if row["parameter"]
        ]  # fmt: skip
        rows.append({"claim": claim, "cell_line": line, "why": why, "parts": parts})
    return rows


def describe_contrast(contrast: Contrast) -> str:
    """Say what a contrast compares and what it expects."""
    parts = [contrast.readout.replace("_", " ")]
    parts += [f", {contrast.band}"] if contrast.band else []
    parts += [f" at {contrast.at}"] if contrast.at else []
    against = contrast.reference or "zero"
    if contrast.reference_cell_line:
        against = f"{contrast.reference or contrast.treated} in {contrast.reference_cell_line}"
    beyond = f", beyond {contrast.minus[0]} against {contrast.minus[1]}" if contrast.minus else ""
    expected = f"expected {contrast.expect} ({contrast.effect}, more than {contrast.threshold:g})"
    return f"{''.join(parts)}: {contrast.treated} against {against}{beyond}; {expected}"


FITS = ("ic50", "gr50", "emax", "hill", "auc")


def fit_rows(result: ReportData) -> Table:
    """Give the fitted dose-response parameters of each cell line and manipulation: median and 90 % of the draws."""
    found = {name: fit for name in FITS if (fit := find_readout(result, "dish", name)) is not None}
    rows: Table = []
    for line, arm in dict.fromkeys(
        (c, str(a)) for fit in found.values() for c in cell_lines_of(fit) for a in fit["arm"].values
    ):
        cells = []
        for fit in found.values():
            levels = quantiles(
                draws_of(fit, cell_line=line, arm=arm), (0.05, 0.5, 0.95), weights_of(result.ensemble, fit)
            )
            cells.append([_bounded(float(x), str(fit.attrs.get("units", ""))) for x in levels])
        rows.append({"cell_line": line, "arm": arm, "cells": cells, "names": list(found)})
    return rows


def _bounded(value: float, unit: str) -> str:
    return "above top" if value == float("inf") else f"{number(value)}{' µM' if unit == 'uM' else ''}"


def basis_rows(result: ReportData) -> Table:
    """Give how many parameters rest on what."""
    counts = basis_share(result.study.model)
    inputs = counts.pop("input")
    total = max(sum(counts.values()), 1)
    rows: Table = [{"basis": b, "count": n, "share": percent(n / total)} for b, n in counts.items() if n]
    return [*rows, {"basis": "inputs that an experiment sets", "count": inputs, "share": ""}] if inputs else rows


def wiring_rows(result: ReportData) -> Table:
    """Give the rival wirings: sentence, prior probability, share of the accepted draws."""
    draws, weights = result.ensemble.draws, result.ensemble.weights
    rows: Table = []
    for wiring in result.study.wirings:
        known = wiring.parameter in draws["parameter"].values
        share = f"{np.average(draws.sel(parameter=wiring.parameter), weights=weights):.2f}" if known else "–"
        rows.append({"id": wiring.id, "sentence": wiring.sentence, "prior": f"{wiring.probability:g}", "share": share})
    return rows


def source_rows(result: ReportData) -> Table:
    """Give every source that something rests on, the founding paper and what cites it first."""
    study = result.study
    claims: dict[str, list[str]] = {}
    for claim in study.claims:
        claims.setdefault(claim.source, []).append(claim.id)
    evidences = [(p.id, p.evidence) for p in study.model.parameters]
    evidences += [(f"{line.id}: {c.target}", c.evidence) for line in study.lines for c in line.changes]
    evidences += [
        (f"{i.id}: {c.target}", c.evidence)
        for e in study.experiments
        for a in e.arms
        for i in a.interventions
        for c in i.changes
    ]
    evidences += [(f"wiring {w.id}", w.evidence) for w in study.wirings]
    rests: dict[str, dict[str, None]] = {}
    for name, evidence in evidences:
        if evidence is not None:
            rests.setdefault(evidence.source, {})[name] = None
    first = [study.source, *study.related]
    chosen = sorted(
        (s for s in study.sources if s.key in {*first, *claims, *rests, *result.literature.get("source", ())}),
        key=lambda s: (s.key not in first, _place(first, s.key), not _published(s), s.key),
    )
    return [
        {"source": s, "text": _citation(s), "links": _links(s), "claims": ", ".join(claims.get(s.key, ())),
         "cites": s.key in study.related, "numbers": list(rests.get(s.key, ()))}
        for s in chosen
    ]  # fmt: skip


def _place(first: Sequence[str], key: str) -> int:
    return first.index(key) if key in first else len(first)


def _published(source: Source) -> bool:
    return bool(source.title or source.journal or source.year or source.doi or source.pmid)


def _citation(source: Source) -> str:
    parts = (source.authors, source.title, source.journal, str(source.year or ""))
    text = ". ".join(p.rstrip(" .") for p in parts if p)
    return text if source.title or source.journal else source.reference


def _links(source: Source) -> list[tuple[str, str]]:
    links = []
    if source.doi:
        links.append((f"doi:{source.doi}", f"https://doi.org/{source.doi}"))
    if source.pmid:
        links.append((f"PMID {source.pmid}", f"https://pubmed.ncbi.nlm.nih.gov/{source.pmid}/"))
    if source.pmcid:
        links.append((source.pmcid, f"https://pmc.ncbi.nlm.nih.gov/articles/{source.pmcid}/"))
    return links


def sensitivity_rows(result: ReportData, top: int = 10) -> Table:
    """Give the parameters behind the bars, with readable names."""
    names = {p.id: p.name for p in result.study.model.parameters}
    rows: Table = []
    for line, table in result.sensitivity.items():
        for row in table.head(top).to_dict("records"):
            rho, q = (number(float(row.get(key, "nan")), 2) for key in ("rho", "q"))
            name = names.get(str(row["parameter"]), "")
            rows.append({"cell_line": line, "parameter": row["parameter"], "name": name, "rho": rho, "q": q})
    return rows
