"""The report of a fit: one self-contained HTML page."""

import base64
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hepatica.analysis.identifiability import identifiability, linear, number, posterior_identifiability
from hepatica.inference import Likelihood, Problem, describe_fit
from hepatica.inference.optimize import LAST
from hepatica.report.fit_data import FitData, read_fit
from hepatica.report.fit_pictures import (
    plot_coverage,
    plot_pairs,
    plot_panels,
    plot_profiles,
    plot_progress,
    plot_waterfall,
)
from hepatica.report.page import wide
from hepatica.report.panels import Panel, Panels, make_panels, residual_rows
from hepatica.report.reliability import is_converged, reasons
from hepatica.report.style import to_svg
from hepatica.report.template import fill, save_page
from hepatica.report.words import percent

Array = NDArray[np.float64]
PAGEFUL = 24
"""Panels in one figure."""
FEW = 4
"""Panels of an observable from which on it has pages of its own."""
DRAWN = 48
"""Panels that are drawn as lines; more become pixels, which take less room."""
ROOM = 7_000_000
"""Characters that figures of measurements may take."""
PAIRS = 6
DRAWS = 400
"""Draws that bands are made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A figure of the page."""

    name: str
    content: Markup
    caption: str


def write_fit_report(folder: str | Path, *, problem: Problem | None = None, threads: int = 1) -> Path:
    """Write ``fit.html`` into the folder of a fit: of a finished one, or of what a running one has found so far.

    Parameters
    ----------
    folder
        What ``hepatica fit`` wrote: ``fit.nc`` or a journal, and where they are there ``profiles.nc`` and ``posterior.nc`` (draws in
        ArviZ's groups; one variable for each parameter, on its scale).
    problem
        What was fitted; read again from where it was when ``None``.
    threads
        Worker threads of the engine.

    Returns
    -------
    pathlib.Path
        The page: one file, no network. It begins with BLOCKED and the reasons when the fit may not be relied on.

    Raises
    ------
    NotFoundError
        When the folder holds no fit.
    StorageError
        When the page cannot be written.
    """
    folder = Path(folder)
    return save_page(folder / "fit.html", render_fit(read_fit(folder, problem), threads=threads))


def render_fit(data: FitData, *, threads: int = 1) -> str:
    """Fill the page's template; every text is escaped, figures are our own."""
    draws = None if data.posterior is None else data.posterior["posterior"].to_dataset()
    has_fit = bool(data.found["objective"].notnull().any())
    table = None if data.profiles is None else identifiability(data.profiles, groups=_informations(data, threads))
    fit = _against_data(data, data.problem, draws, threads) if has_fit and data.problem is not None else None
    running = (
        f"This fit is still running, or was stopped: {len(data.courses)} starts were begun." if data.courses else ""
    )
    blocked = [] if data.courses else reasons(data.found, data.profiles, data.posterior)
    contents = [("summary", "Summary"), ("starts", "Starts")]
    contents += (
        [
            ("parameters", "Parameters"),
            ("data", "Fit against data"),
            ("profiles", "Profiles"),
            ("posterior", "Posterior"),
        ]
        if has_fit
        else []
    )
    groups = {} if fit is None else fit
    return fill(
        "fit.html",
        name=data.note.get("id", data.found.attrs.get("problem", "a problem")), contents=[*contents, ("provenance", "Provenance")],
        blocked=blocked, running=running, summary=_summary(data, table), starts=_starts(data), endings=_endings(data),
        parameters=_parameter_rows(data, table) if has_fit else [],
        parameters_note=_note_of_intervals(data), plain=table is None, has_fit=has_fit,
        residuals=groups.get("residuals", []), banded=groups.get("banded", False), distribution=groups.get("distribution"),
        data_note=groups.get("note", "The measurements cannot be shown."), groups=groups.get("groups", []),
        profile_pictures=_profile_pictures(data), pairs=_pairs(data, draws),
        draws_table=[] if draws is None else _draws_table(data, draws), provenance=_provenance(data), number=_number, percent=percent,
    )  # fmt: skip


def _number(value: float, digits: int = 3) -> str:
    return number(value, digits) if np.isfinite(value) else "–"


def _shown(name: str, figure: Figure, caption: str, *, pixels: bool = False) -> Shown:
    if not pixels:
        return Shown(name=name, content=Markup(wide(to_svg(figure, name, caption))), caption=caption)  # noqa: S704
    most = 1.35 * 72.0 * figure.get_figwidth()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    image = Markup('<img style="max-width:{:.0f}pt" alt="{}" src="data:image/png;base64,{}">').format(
        most, caption, text
    )
    return Shown(name=name, content=image, caption=caption)


def _summary(data: FitData, table: pd.DataFrame | None) -> list[str]:
    lines = list(describe_fit(data.found)) if not data.courses else list(describe_fit(data.found))[:1]
    if table is not None:
        counts = Counter(str(k) for k in table["kind"])
        lines.append(
            f"Of {len(table)} profiled parameters "
            + ", ".join(f"{n} {'is' if n == 1 else 'are'} {k}" for k, n in counts.items())
            + "."
        )
        if data.profiles is not None and data.profiles.attrs["better"]:
            lines.append(f"{data.profiles.attrs['better']}.".capitalize())
    return [*lines, *data.remarks]


def _starts(data: FitData) -> list[Shown]:
    found = data.found
    label = "start, best first" + ("; best point so far" if data.courses else "")
    caption = "How much worse the end of each start is than the best one. Starts on one level found the same optimum; grey: within 0.1."
    shown = [_shown("waterfall", plot_waterfall(found["objective"].values, is_converged(found), label), caption)]
    if data.courses and np.isfinite(found["objective"].values).any():
        figure = plot_progress(data.courses, float(np.nanmin(found["objective"].values)))
        shown.append(_shown("progress", figure, "The best value so far of each start, above the lowest of all."))
    return shown


def _endings(data: FitData) -> list[Mapping[str, object]]:
    messages = [str(m).split(f"; {LAST}")[0] for m in data.found["message"].values]
    objective = data.found["objective"].values
    rows: list[Mapping[str, object]] = []
    for message, n in Counter(messages).most_common():
        best = [o for o, m in zip(objective, messages, strict=True) if m == message and np.isfinite(o)]
        numbers = [str(s) for s, m in zip(data.found["start"].values, messages, strict=True) if m == message]
        which = f" (start {', '.join(numbers[:8])}{' and others' if n > 8 else ''})" if not best else ""
        rows.append(
            {"count": n, "message": message + which, "best": f"{-min(best):.6g}".replace("-", "−") if best else "–"}
        )
    return rows


def _note_of_intervals(data: FitData) -> str:
    if data.profiles is None:
        return "Values at the best point. Intervals need profiles: hepatica fit … --resume --profile."
    return "Intervals from profiles: where no value of the other parameters can make up for the change (95 %). Open ends are marked –."


def _parameter_rows(data: FitData, table: pd.DataFrame | None) -> list[Mapping[str, object]]:
    by_name = {} if table is None else {str(r["parameter"]): r for r in table.to_dict("records")}
    found, rows = data.found, list[Mapping[str, object]]()
    for k, name in enumerate(str(n) for n in found["parameter"].values):
        bound = {-1: "lower", 1: "upper"}.get(int(found["at_bound"].values[0, k]), "")
        if name in by_name:
            rows.append(_row(by_name[name]) | {"bound": bound})
        else:
            value = linear(float(found["x"].values[0, k]), str(found["scale"].values[k]))
            nothing = dict.fromkeys(("interval", "words", "moves", "data"), "")
            rows.append(nothing | {"parameter": name, "value": _number(value), "bound": bound})
    return rows


def _row(row: Mapping[Any, Any]) -> dict[str, object]:
    """A row of a table of identifiability, for the page."""
    interval = f"{_number(float(row['lower']))} to {_number(float(row['upper']))}"
    texts = {k: row[k] for k in ("parameter", "words", "moves", "data")}
    return {"value": _number(float(row["value"])), "interval": interval, **texts}


def _informations(data: FitData, threads: int) -> xr.DataArray | None:
    """What the measurements of each observable tell at the optimum of the profiles."""
    problem = data.problem
    if problem is None or data.profiles is None:
        return None
    ids = [problem.observables[k].id for k in problem.observable]
    names = list(dict.fromkeys(ids))
    if len(names) < 2:
        return None
    groups = np.array([names.index(i) for i in ids])
    known = Likelihood(problem, threads=threads).information(data.profiles["optimum"].values, groups)
    if not np.isfinite(known).all():
        return None
    parameters = [p.id for p in problem.estimated]
    return xr.DataArray(
        known, dims=("group", "other", "along"), coords={"group": names, "other": parameters, "along": parameters}
    )


def _against_data(data: FitData, problem: Problem, draws: xr.Dataset | None, threads: int) -> dict[str, Any]:
    """Residuals and panels; pages of panels until there is no more room."""
    points = None
    if draws is not None:
        points = np.stack([draws[p.id].values.ravel() for p in problem.estimated], axis=-1)
        points = points[:: max(1, len(points) // DRAWS)]
    made = make_panels(problem, data.found["x"].values[0], draws=points, threads=threads)
    pages = _pages(made.panels)
    pixels = len(made.panels) > DRAWN
    groups: list[dict[str, Any]] = []
    room, left_out, shown_panels = ROOM, 0, 0
    for k, (title, page, bare) in enumerate(pages):
        if room < 0:
            left_out += len(page)
            continue
        shown_panels += len(page)
        figure = plot_panels(made, page, bare=bare)
        shown = _shown(f"panels-{k}", figure, _caption(made, page), pixels=pixels)
        room -= len(shown.content)
        if not groups or groups[-1]["title"] != title:
            groups.append({"title": title, "pictures": [], "open": shown_panels <= DRAWN})
        groups[-1]["pictures"].append(shown)
    note = f"{len(made.panels)} panels of {len(problem.values)} measurements, by observable."
    if left_out:
        note += (
            f" {left_out} of them are not drawn, because the page would become too large; the table above counts them."
        )
    caption = "Residuals of all measurements, beside the standard normal distribution (line)."
    return {
        "residuals": residual_rows(made, problem), "banded": made.bands is not None, "groups": groups, "note": note,
        "distribution": _shown("residuals", plot_coverage(made.residuals[made.censored == 0]), caption),
    }  # fmt: skip


def _pages(panels: Sequence[Panel]) -> list[tuple[str, list[Panel], bool]]:
    """Panels of an observable together; observables with few panels share pages."""
    by_name: dict[str, list[Panel]] = {}
    for p in panels:
        by_name.setdefault(p.observable, []).append(p)
    pages: list[tuple[str, list[Panel], bool]] = []
    few: list[Panel] = []
    for name, some in by_name.items():
        small = [p for p in some if len(p.names) <= 8]
        if len(by_name) > 1 and len(small) < FEW:
            few += [replace(p, title=f"{p.observable}: {p.title}" if p.title else p.observable) for p in small]
            small = []
        chunks = [small[k : k + PAGEFUL] for k in range(0, len(small), PAGEFUL)] + [
            [p] for p in some if len(p.names) > 8
        ]
        title = f"{name} ({len(some)} panel{'' if len(some) == 1 else 's'})"
        pages += [(title, c, False) for c in chunks]
    together = [few[k : k + PAGEFUL] for k in range(0, len(few), PAGEFUL)]
    return [*((f"{c[0].observable} to {c[-1].observable} ({len(c)} panels)", c, True) for c in together), *pages]


def _caption(made: Panels, page: Sequence[Panel]) -> str:
    text = "Measured (dots; bars: one standard deviation of the noise) and expected at the best point (blue)"
    if made.bands is not None:
        text += "; bands: half and 90 % of new measurements, from draws of the posterior, with noise"
    if any((made.censored[p.rows] != 0).any() for p in page):
        text += "; triangles: lower and upper bounds; thick bars: intervals"
    return f"{text}. Places side by side are conditions." if any(p.names for p in page) else f"{text}."


def _profile_pictures(data: FitData) -> list[Shown]:
    if data.profiles is None:
        return []
    names = [str(n) for n in data.profiles["parameter"].values]
    caption = (
        "Twice the rise of minus the log-posterior when one parameter is held and all others are fitted anew. Orange: thresholds of "
        "68 % (dashed) and 95 %; grey: the 95 % interval, up to the bound where it is open; green: the optimum; dotted: a bound."
    )
    return [
        _shown(f"profiles-{k}", plot_profiles(data.profiles, names[k : k + PAGEFUL]), caption)
        for k in range(0, len(names), PAGEFUL)
    ]


def _pairs(data: FitData, draws: xr.Dataset | None) -> list[Shown]:
    """The parameters with the strongest correlations."""
    names = [str(n) for n in data.found["parameter"].values]
    if draws is None or not set(names) <= {str(n) for n in draws.data_vars}:
        return []
    x = np.stack([draws[n].values.ravel() for n in names], axis=-1)
    varied = np.flatnonzero(x.std(axis=0) > 0.0)
    if len(varied) < 2:
        return []
    strength = np.abs(np.corrcoef(x[:, varied].T))
    np.fill_diagonal(strength, 0.0)
    order = np.argsort(-np.triu(strength), axis=None, kind="stable")
    chosen = list(dict.fromkeys(int(varied[i]) for flat in order for i in np.unravel_index(flat, strength.shape)))[
        :PAIRS
    ]
    scales = [str(data.found["scale"].values[k]) for k in chosen]
    figure = plot_pairs(x[:, chosen], [names[k] for k in chosen], scales, data.found["x"].values[0][chosen])
    caption = f"Draws of the posterior: the {len(chosen)} parameters that are correlated most, on their scales. Red: the best fit."
    return [_shown("pairs", figure, caption)]


def _draws_table(data: FitData, draws: xr.Dataset) -> list[Mapping[str, object]]:
    tree = data.posterior
    if tree is None or "prior" not in tree.children:
        return []
    return [_row(r) for r in posterior_identifiability(draws, tree["prior"].to_dataset()).to_dict("records")]


def _provenance(data: FitData) -> list[tuple[str, str]]:
    names = {
        "file": "problem file",
        "problem": "problem digest",
        "iterations": "iterations of a start, at most",
        "what": "",
    }
    rows = [
        (names.get(k, k), str(v))
        for k, v in data.note.items()
        if names.get(k, k) and v not in ("", "None", "none") and k != "id"
    ]
    return [
        *rows,
        (
            "report made by",
            f"hepatica {version('hepatica')}, matplotlib {version('matplotlib')}, xarray {version('xarray')}",
        ),
    ]
