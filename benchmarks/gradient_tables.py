"""The figures of the gradients as text and as Markdown."""

from typing import Any

from tables import to_table

METHODS = {"none": "objective", "forward": "forward", "adjoint": "adjoint"}


def costs_to_text(r: dict[str, Any]) -> str:
    """One fit for the terminal."""
    lines = [f"{r['title']}: {r['states']} species, {r['arms']} conditions, {r['parameters']} parameters"]
    for method, name in METHODS.items():
        ours, amici = r["hepatica"][method], r["AMICI"].get(method, {})
        lines.append(
            f"  {name:10} hepatica {_told(ours)}; in a batch {_ms(ours, 'batch_seconds')}; AMICI {_told(amici)}"
        )
    lines.append(
        f"  primal runs: adjoint {_runs(r, 'adjoint')}, thirty forward {_thirty(r)}; beside AMICI {_against(r)}"
    )
    return "\n".join(lines) + "\n"


def verified_to_text(v: dict[str, Any]) -> str:
    """One check for the terminal."""
    return (
        f"{v['title']}: {v['parameters']} parameters; from differences {v['random']:.0e} along random directions, "
        f"{v['single']:.0e} for single ones (themselves good to {v['resolved']:.0e}); forward from adjoint {v['forward']:.0e}"
    )


def figures(kept: dict[str, Any]) -> str:
    """All tables."""
    costs = list(kept["costs"].values())
    verified = [
        v | {"title": v["title"] + " (PEtab)" * name.endswith("_petab")} for name, v in kept["verified"].items()
    ]
    parts = ["<!-- written by `make gradients` -->\n"]
    if costs:
        version = next((r["AMICI"]["version"] for r in costs if "version" in r["AMICI"]), None)
        peer = f"AMICI {version}" if version else "AMICI"
        parts += [
            f"Measured on: {kept['machine']}; one core, processor time, beside {peer}. Milliseconds of one evaluation, by one "
            "parameter set at a time; the last column is the better of AMICI's gradients over the better of ours.\n",
            _speed(costs),
            "\nWhat a gradient costs in runs of the objective at the same tolerance, one parameter set at a time and in a batch of 64, "
            "and milliseconds per parameter set in the batch.\n",
            _primal(costs),
            "\nTolerances at which the error of 1e-4 is achieved, what is achieved, and how far AMICI at rtol 1e-9 is from the "
            "reference.\n",
            _conditions(costs),
        ]
    if verified:
        parts += [
            "\nDifference of the adjoint at rtol 1e-10 from Richardson differences of the objective, relative to the length of "
            "the gradient along random directions and to the derivative itself for the five parameters with the largest; how "
            "far the differences agree among themselves; and forward from adjoint.\n",
            _verified(verified),
        ]
    return "\n".join(parts) + "\n"


def _speed(costs: list[dict[str, Any]]) -> str:
    head = ["fit", "species", "conditions", "parameters"]
    rows = [
        [
            *head,
            *(f"{n}, ms" for n in METHODS.values()),
            *(f"AMICI {n}, ms" for n in METHODS.values()),
            "AMICI / hepatica",
        ]
    ]
    for r in costs:
        ours = [_ms(r["hepatica"][m]) for m in METHODS]
        theirs = [_ms(r["AMICI"].get(m, {})) for m in METHODS]
        rows.append([r["title"], r["states"], r["arms"], r["parameters"], *ours, *theirs, _against(r)])
    return to_table(rows)


def _primal(costs: list[dict[str, Any]]) -> str:
    batch = [f"{n} in a batch, ms" for n in METHODS.values()]
    rows = [["fit", "adjoint, runs (in a batch)", "30 forward, runs (in a batch)", *batch, "failed of 64"]]
    for r in costs:
        each = [_ms(r["hepatica"][m], "batch_seconds") for m in METHODS]
        rows.append([r["title"], _runs(r, "adjoint"), _thirty(r), *each, r["hepatica"]["adjoint"].get("failed", "-")])
    return to_table(rows)


def _conditions(costs: list[dict[str, Any]]) -> str:
    rows = [["fit", *(f"{e} {n}" for e in ("hepatica", "AMICI") for n in METHODS.values()), "AMICI from the reference"]]
    for r in costs:
        each = [_how(r[e].get(m, {})) for e in ("hepatica", "AMICI") for m in METHODS]
        far = r["AMICI"].get("from_reference", {})
        rows.append(
            [r["title"], *each, ", ".join(f"{m} {x:.0e}" for m, x in far.items()) or r["AMICI"].get("absent", "-")]
        )
    return to_table(rows)


def _verified(verified: list[dict[str, Any]]) -> str:
    rows: list[list[Any]] = [["fit", "parameters", "random", "single", "differences", "forward from adjoint"]]
    for v in verified:
        rows.append(
            [v["title"], v["parameters"], *(f"{v[k]:.0e}" for k in ("random", "single", "resolved", "forward"))]
        )
    return to_table(rows)


def _ms(e: dict[str, Any], key: str = "seconds") -> str:
    if key not in e:
        return "-"
    return f"{1e3 * e[key]:,.0f}" if e[key] >= 0.1 else f"{1e3 * e[key]:.2g}"


def _how(e: dict[str, Any]) -> str:
    return (
        f"{e.get('tableau', '')} {e['rtol']:.0e}: {e['achieved']:.0e}".strip() if "rtol" in e else e.get("absent", "-")
    )


def _told(e: dict[str, Any]) -> str:
    return f"{_ms(e)} ms ({_how(e)})" if "rtol" in e else _how(e)


def _runs(r: dict[str, Any], method: str) -> str:
    e = r["hepatica"][method]
    return f"{e['seconds'] / e['primal']:.1f} ({e['batch_seconds'] / e['batch_primal']:.1f})" if "primal" in e else "-"


def _thirty(r: dict[str, Any]) -> str:
    return f"{r['thirty']['single']:.1f} ({r['thirty']['batch']:.1f})" if "thirty" in r else "-"


def _against(r: dict[str, Any]) -> str:
    ours, theirs = (
        [r[e][m]["seconds"] for m in ("forward", "adjoint") if "seconds" in r[e].get(m, {})]
        for e in ("hepatica", "AMICI")
    )
    return f"{min(theirs) / min(ours):.0f}x" if ours and theirs else "-"
