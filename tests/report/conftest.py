# ruff: noqa: E501
"""A made-up result of the founding study that follows its contract: names, dimensions, units, labels."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hepatica.claims import Claim, Contrast, Verdict
from hepatica.ensemble import Wiring
from hepatica.evidence import Evidence, Source
from hepatica.experiment import Arm, CellLine, Change, Intervention
from hepatica.model.network import Model, Parameter

LINES = ("HepG2", "SK-Hep1")
MANIPULATIONS = ("control", "shNT", "shIGF1R", "IGF1", "picropodophyllin", "hyperinsulinaemia")
DOSES = (0.0, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0)
BANDS = ("pIGF1R", "pAKT S473", "p-mTOR S2481", "pMEK", "pERK", "cleaved caspase-3", "cleaved PARP")


@dataclass(frozen=True)
class Draws:
    draws: xr.DataArray
    weights: np.ndarray | None
    origin: str
    seed: int


@dataclass(frozen=True)
class Result:
    study: Any
    ensemble: Draws
    screening: pd.DataFrame
    readouts: dict[str, dict[str, xr.DataArray]]
    verdicts: tuple[Verdict, ...]
    pathway: pd.DataFrame
    sensitivity: dict[str, pd.DataFrame]
    failures: pd.DataFrame
    provenance: dict[str, object] = field(default_factory=dict)
    prior: "Result | None" = None
    influence: pd.DataFrame = field(default_factory=pd.DataFrame)
    doubts: tuple[str, ...] = ()
    decisive: pd.DataFrame = field(default_factory=pd.DataFrame)
    literature: pd.DataFrame = field(default_factory=pd.DataFrame)


def arm_id(manipulation: str, dose: float) -> str:
    if dose == 0:
        return manipulation
    drug = f"sorafenib {dose:g} uM"
    return f"{manipulation} + {drug}"


class Maker:
    """Draws that know a manipulation's strength; every readout follows from it."""

    def __init__(self, draws: int, seed: int = 7) -> None:
        self.rng = np.random.default_rng(seed)
        self.draws = draws
        strength = {
            "control": 0.0,
            "shNT": 0.0,
            "shIGF1R": -0.35,
            "IGF1": 0.25,
            "picropodophyllin": -0.5,
            "hyperinsulinaemia": 0.12,
        }
        self.z = {
            (line, m): s * self.rng.lognormal(0, 0.7, draws) * (1.3 if line == "HepG2" else 0.6)
            + (0.05 * self.rng.normal(size=draws) if s else 0)
            for line in LINES
            for m, s in strength.items()
        }
        self.ic50 = {line: self.rng.lognormal(np.log(9 if line == "HepG2" else 22), 0.7, draws) for line in LINES}
        self.hill = self.rng.lognormal(0.4, 0.2, draws)

    def effect(self, line: str, manipulation: str, dose: float) -> np.ndarray:
        ic50 = self.ic50[line] * 2 ** (1.2 * self.z[line, manipulation])
        return 1 / (1 + (dose / ic50) ** self.hill)

    def array(self, name: str, units: str, value: Any, *, arms: list[tuple[str, float]], times: tuple[float, ...] = (),
              lines: tuple[str, ...] = LINES) -> xr.DataArray:  # fmt: skip
        def one(line: str, m: str, dose: float) -> np.ndarray:
            return np.stack([value(line, m, dose, t) for t in times], -1) if times else value(line, m, dose, 0.0)

        data = np.stack([np.stack([one(line, m, d) for m, d in arms]) for line in lines])
        coords: dict[str, Any] = {
            "cell_line": list(lines),
            "arm": [arm_id(m, d) for m, d in arms],
            "draw": np.arange(self.draws),
            "manipulation": ("arm", [m for m, _ in arms]),
            "sorafenib_uM": ("arm", [d for _, d in arms]),
        }
        dims = ["cell_line", "arm", "draw"]
        if times:
            dims.append("time")
            coords["time"] = ("time", np.asarray(times) * 60.0, {"units": "min"})
        return xr.DataArray(data, dims=dims, coords=coords, name=name, attrs={"units": units})


def dish(make: Maker) -> dict[str, xr.DataArray]:
    arms = [(m, d) for m in MANIPULATIONS for d in DOSES]
    groups = [(m, 0.0) for m in MANIPULATIONS]
    tops = {"pIGF1R": 1.6, "pAKT S473": 1.1, "p-mTOR S2481": 0.8, "pMEK": 0.3, "pERK": 0.25}

    def blot(band: str, line: str, m: str, dose: float) -> np.ndarray:
        z, e = make.z[line, m], make.effect(line, m, dose)
        if band in tops:
            drug = e**0.6 if band in {"pMEK", "pERK"} else 1.0 + 0.3 * (1 - e)
            return 2 ** (tops[band] * 2 * z) * drug
        return 1 + 9 * (1 - e) * 2 ** (-z)

    def ic50(line: str, m: str, _d: float, _t: float) -> np.ndarray:
        value = make.ic50[line] * 2 ** (1.2 * make.z[line, m])
        return np.where(value > 40, np.inf, value)

    stack = [
        make.array(b, "fold", lambda line, m, d, t, b=b: blot(b, line, m, d), arms=arms, times=(0.5, 24.0))
        for b in BANDS
    ]
    western = xr.concat(stack, dim=pd.Index(BANDS, name="band")).transpose("cell_line", "arm", "draw", "time", "band")
    western = western.assign_coords(exposure=("band", ["reference"] * 5 + ["strongest"] * 2), cv=("band", [0.1] * 7))
    western.attrs = {"units": "1"}
    return {
        "western_blot": western,
        "viability": make.array("viability", "dimensionless", lambda line, m, d, t: make.effect(line, m, d), arms=arms),
        "growth_rate": make.array("growth_rate", "1/min", lambda line, m, d, t: 3e-4 * (2 * make.effect(line, m, d) - 1) * 2 ** (0.3 * make.z[line, m]), arms=arms),
        "gr": make.array("gr", "dimensionless", lambda line, m, d, t: 2 * make.effect(line, m, d) - 1, arms=arms),
        "dead_fraction": make.array("dead_fraction", "dimensionless", lambda line, m, d, t: 0.02 + 0.4 * t / 72 * (1 - make.effect(line, m, d)), arms=arms, times=(24, 48, 72)),
        "cleaved_caspase": make.array("cleaved_caspase", "dimensionless", lambda line, m, d, t: 0.01 + 0.3 * t / 72 * (1 - make.effect(line, m, d)), arms=arms, times=(24, 48, 72)),
        "s_phase": make.array("s_phase", "dimensionless", lambda line, m, d, t: 0.3 * make.effect(line, m, d) * 2 ** (0.3 * make.z[line, m]), arms=arms, times=(24,)),
        "ic50": make.array("ic50", "uM", ic50, arms=groups),
        "gr50": make.array("gr50", "uM", ic50, arms=groups),
    }  # fmt: skip


def animal(make: Maker) -> xr.DataArray:
    days = (0.0, 4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 28.0)
    rate = 0.12 * make.rng.lognormal(0, 0.2, make.draws)
    drug = 0.25 * make.rng.lognormal(0, 0.4, make.draws)

    def volume(line: str, m: str, dose: float, hours: float) -> np.ndarray:
        g = rate * (1 + 0.5 * make.z[line, m] - (drug if dose else 0))
        return 100 * np.exp(g * hours / 24)

    arms = [("control", 0.0), ("shIGF1R", 0.0), ("control", 1.0), ("shIGF1R", 1.0)]
    out = make.array(
        "tumour_volume", "mm^3", volume, arms=arms, times=tuple(24 * d for d in days), lines=("HepG2", "SK-Hep1")
    )
    names = ["control", "shIGF1R", "sorafenib 30 mg/kg/d", "shIGF1R + sorafenib 30 mg/kg/d"]
    return out.drop_vars(["manipulation", "sorafenib_uM"]).assign_coords(arm=names)


def model() -> Model:
    sources = (
        Source(key="founding", reference="doi:10.1186/s12885-023-10561-7", doi="10.1186/s12885-023-10561-7", pmid="36698167", pmcid="PMC9878821",
               title="IGF-1R down regulates the sensitivity of hepatocellular carcinoma to sorafenib", authors="", journal="BMC Cancer", year=2023,
               note="abstract, introduction and one methods chunk were read"),
        Source(key="ye2024", reference="pmid:39417171", pmid="39417171", authors="Ye G et al.", journal="Am J Cancer Res", year=2024),
        Source(key="sparced", reference="doi:10.1038/s41467-022-31138-1", doi="10.1038/s41467-022-31138-1", title="A scalable model", year=2022),
        Source(key="assumption", reference="assumed by the authors of this model"),
    )  # fmt: skip
    bases = ("literature", "derived", "assumed", "measured")
    keys = ("sparced", "sparced", "assumption", "founding")
    parameters = tuple(
        Parameter(
            id=f"k_{i}",
            value=0.1 * (i + 1),
            unit="1/min",
            name=f"rate {i}",
            evidence=Evidence(basis=bases[i % 4], source=keys[i % 4], note="note"),
        )  # type: ignore[arg-type]
        for i in range(30)
    )
    return Model(id="hcc", name="HCC", parameters=parameters, sources=sources)


def experiments() -> tuple[SimpleNamespace, ...]:
    knock = Intervention(id="shIGF1R", labels={"manipulation": "shIGF1R"}, note="lentiviral shRNA", changes=(
        Change(target="IGF1R_mRNA_residual", value=0.42, evidence=Evidence(basis="literature", source="sparced", note="41-45 %")),))  # fmt: skip
    drug = [Intervention(id=f"sorafenib {d:g} uM", labels={"sorafenib_uM": d}, changes=(
        Change(target="sorafenib_nominal", value=d, unit="uM", start=0.0),)) for d in DOSES[1:]]  # fmt: skip
    arms = [Arm(id="control"), Arm(id="shIGF1R", interventions=(knock,))]
    arms += [Arm(id=i.id, interventions=(i,)) for i in drug] + [
        Arm(id=f"shIGF1R + {i.id}", interventions=(knock, i)) for i in drug
    ]
    return (SimpleNamespace(id="dish", title="In the dish", note="doses assumed", arms=tuple(arms), cell_lines=LINES),)


def lines() -> tuple[CellLine, ...]:
    evidence = Evidence(basis="measured", source="founding", note="sequenced")
    return (
        CellLine(id="HepG2", changes=(Change(target="NRAS_mutant_fraction", value=0.5, evidence=evidence),)),
        CellLine(id="SK-Hep1"),
    )


def wirings() -> tuple[Wiring, ...]:
    evidence = Evidence(basis="assumed", source="assumption", note="a vote")
    return (
        Wiring(
            id="paradox",
            parameter="wiring_paradox",
            sentence="A drug-bound RAF wakes its partner.",
            probability=0.75,
            evidence=evidence,
        ),
    )


def claims() -> tuple[Claim, ...]:
    rows = [
        ("C1", "IGF-1R is higher in SK-Hep1 and HepG2 than in normal hepatocytes", "input", (("level", "expression", "igf1r_total", "increase"),)),
        ("C2", "IGF-1 raises pIGF-1R, pAkt, p-mTOR, pMEK and pERK", "entailed", tuple((b, "dish", "western_blot", "increase") for b in BANDS[:5])),
        ("C3", "knock-down lowers pAkt, pMEK and pERK", "entailed", tuple((b, "dish", "western_blot", "decrease") for b in ("pAKT S473", "pMEK", "pERK"))),
        ("C4", "knock-down lowers growth (CCK-8, EdU)", "entailed", (("cck8", "dish", "growth_rate", "decrease"), ("edu", "dish", "s_phase", "decrease"))),
        ("C5", "knock-down lowers wound closure", "entailed", (("w24", "wound", "wound_closure", "decrease"), ("w48", "wound", "wound_closure", "decrease"))),
        ("C6", "IGF-1 lowers sorafenib-induced apoptosis", "entailed", (("casp48", "dish", "cleaved_caspase", "decrease"),)),
        ("C7", "knock-down raises sorafenib-induced apoptosis", "entailed", (("casp48", "dish", "cleaved_caspase", "increase"),)),
        ("C8", "knock-down slows SK-Hep1 xenografts", "entailed", (("v28", "xenograft", "tumour_volume", "decrease"),)),
        ("C9", "knock-down raises sensitivity to sorafenib", "entailed", (("ic50", "dish", "ic50", "decrease"), ("gr50", "dish", "gr50", "decrease"))),
    ]  # fmt: skip
    return tuple(
        Claim(id=i, text=t, source="founding", where="abstract", kind=k, contrasts=tuple(
            Contrast(id=c, experiment=e, readout=r, treated="shIGF1R", reference="shNT", expect=x, cell_lines=LINES) for c, e, r, x in cs))
        for i, t, k, cs in rows
    )  # fmt: skip


def verdicts(rng: np.random.Generator) -> tuple[Verdict, ...]:
    out = []
    for claim in claims():
        for line in LINES:
            probabilities = []
            for contrast in (*(c.id for c in claim.contrasts), "all"):
                p = (
                    float(min(probabilities) * 0.97)
                    if contrast == "all"
                    else float(rng.choice([0.03, 0.4, 0.72, 0.95, 0.99]))
                )
                probabilities.append(p)
                outcome = "supported" if p >= 0.9 else "contradicted" if p <= 0.1 else "undecided"
                middle = float("nan") if contrast == "all" else float(rng.uniform(0.5, 1.6))
                out.append(Verdict(claim=claim.id, contrast=contrast, cell_line=line, outcome=outcome, probability=p, error=float(np.sqrt(p * (1 - p) / 400)),
                                   opposite=0.0, effect=middle, interval=(middle * 0.7, middle * 1.3), n=400, left_out=2, kind=claim.kind))  # fmt: skip
    return tuple(out)


def build_result(draws: int = 120, seed: int = 7) -> Result:
    make = Maker(draws, seed)
    wound_arms = [(m, d) for m in MANIPULATIONS for d in (0.0, 5.0)]
    clamp_names = [f"{m}{c}" for m in ("control", "shIGF1R") for c in ("", " | akt", " | erk", " | both")]
    clamped = make.array(
        "ic50", "uM", lambda line, m, d, t: make.ic50[line], arms=[("control", 0.0)] * 8
    ).assign_coords(arm=clamp_names)
    lines3 = ("HepG2", "SK-Hep1", "hepatocyte")
    level = {"HepG2": 60.0, "SK-Hep1": 90.0, "hepatocyte": 9.0}
    readouts = {
        "dish": dish(make),
        "clamp": {"ic50": clamped},
        "wound": {
            "wound_closure": make.array(
                "wound_closure", "dimensionless",
                lambda line, m, d, t: np.clip(t / 48 * 0.7 * make.effect(line, m, d) * 2 ** (0.5 * make.z[line, m]), 0, 1),
                arms=wound_arms, times=(0, 24, 48),
            )
        },
        "xenograft": {"tumour_volume": animal(make)},
        "expression": {
            "igf1r_total": make.array(
                "igf1r_total", "nM", lambda line, m, d, t: level[line] * make.rng.lognormal(0, 0.3, draws), arms=[("control", 0.0)], lines=lines3
            )
        },
    }  # fmt: skip
    names = [f"k_{i}" for i in range(28)] + ["wiring_erk_irs", "wiring_paradox"]
    ensemble = Draws(draws=xr.DataArray(make.rng.normal(size=(draws, len(names))), dims=("draw", "parameter"),
                                        coords={"draw": np.arange(draws), "parameter": names}), weights=None, origin="prior", seed=11)  # fmt: skip
    screening = pd.DataFrame(
        [
            {"rule": r, "sentence": s, "cell_line": line, "tested": 1000, "passed": int(make.rng.integers(400, 980)), "rejected_only_by_this": int(make.rng.integers(0, 200))}
            for r, s in (("growth", "the untreated line grows at its measured doubling time within 25 %"), ("death", "it loses under 5 % of its cells a day"),
                         ("steady", "it has a steady state"), ("answer", "it answers IGF-1 with pIGF-1R"))
            for line in LINES
        ]
    )  # fmt: skip
    screening.attrs = {"candidates": 1000, "accepted": draws}
    pathway = pd.DataFrame(
        [
            {
                "cell_line": line,
                "pathway": p,
                "share": s,
                "q05": s - 0.3,
                "q95": s + 0.25,
                "n": draws - 20,
                "unresolved": 20,
                "by_auc": 9,
            }
            for line, shares in (("HepG2", (0.62, 0.15, 0.8)), ("SK-Hep1", (0.35, 0.3, 0.7)))
            for p, s in zip(("Akt", "ERK", "both"), shares, strict=True)
        ]
    )
    sensitivity = {
        line: pd.DataFrame(
            {
                "parameter": names,
                "rho": make.rng.uniform(-0.6, 0.6, len(names)),
                "p": make.rng.uniform(0, 0.2, len(names)),
            }
        )
        for line in LINES
    }
    for frame in sensitivity.values():
        frame.attrs = {"n": draws - 10, "left_out": 10, "censored": 14}
    failures = pd.DataFrame(
        [
            {
                "experiment": "dish",
                "cell_line": "HepG2",
                "status": "stopped: more steps than the limit were needed",
                "count": 3,
            }
        ]
    )
    provenance: dict[str, object] = {
        "versions": {"hepatica": "0.1.0", "python": "3.12.8", "numpy": "2.5.0"},
        "digests": {"model": "ab" * 32, "claims": "cd" * 32},
        "seed": 11, "command": "hepatica run studies/igf1r-sorafenib --draws 1000 --seed 11", "times": {"screening": 3.21, "dish": 20.5},
    }  # fmt: skip
    study = SimpleNamespace(id="igf1r-sorafenib", title="Does IGF-1R make liver cancer cells resist sorafenib?", model=model(), claims=claims(), experiments=experiments(),
                            question="What does it do?", source="founding", related=("ye2024",), sources=model().sources, limits=("No figure was read.",),
                            wirings=wirings(), lines=lines(), effect=SimpleNamespace(experiment="dish", treated="shIGF1R", reference="shNT"))  # fmt: skip
    return Result(study=study, ensemble=ensemble, screening=screening, readouts=readouts, verdicts=verdicts(make.rng), pathway=pathway,
                  sensitivity=sensitivity, failures=failures, provenance=provenance)  # fmt: skip


@pytest.fixture(scope="session")
def result() -> Result:
    return build_result()
