"""The report: one self-contained HTML page, and its figures beside it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from hepatica.errors import StorageError
from hepatica.report.blots import blot_lanes, densitometry_table, plot_blots
from hepatica.report.curves import plot_dose_response, plot_ic50
from hepatica.report.data import Floats, ReportData, find_readout, weights_of
from hepatica.report.decides import plot_claims, plot_pathway_share, plot_sensitivity
from hepatica.report.pathway_map import pathway_activity, plot_pathway_map
from hepatica.report.phenotypes import plot_courses, plot_intervals, plot_receptor, plot_wounds
from hepatica.report.style import to_svg
from hepatica.report.tables import basis_rows, claim_rows, sensitivity_rows, source_rows, wiring_rows
from hepatica.report.words import answer, describe_arms, list_arms, number, together

BAND = "Lines are medians over draws, dark bands half of them, light bands 90 %."


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure of the page: file name, caption, and how to draw it."""

    name: str
    caption: str
    draw: Callable[[], Figure]


def write_report(result: ReportData, out: Path) -> Path:
    """Write ``report.html`` and ``figures/*.svg`` into a folder.

    Parameters
    ----------
    result
        A study's result.
    out
        The folder; made when missing.

    Returns
    -------
    pathlib.Path
        The page: one file, no network.

    Raises
    ------
    StorageError
        When a file cannot be written.
    """
    figures = {p.name: (to_svg(p.draw(), p.name, p.caption), p.caption) for p in pictures(result)}
    page = render(result, figures)
    path = out / "report.html"
    try:
        (out / "figures").mkdir(parents=True, exist_ok=True)
        for name, (svg, _) in figures.items():
            (out / "figures" / f"{name}.svg").write_text('<?xml version="1.0" encoding="utf-8"?>\n' + svg, encoding="utf-8")
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"'{error.filename or path}' cannot be written: {error.strerror}; free space or choose another folder.") from error
    return path


def render(result: ReportData, figures: Mapping[str, tuple[str, str]]) -> str:
    """Fill the page's template; every text is escaped, figures are SVG of our own."""
    environment = Environment(loader=PackageLoader("hepatica.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    dish = find_readout(result, "dish", "western_blot")
    lanes = [] if dish is None else blot_lanes(dish)
    template = environment.get_template("report.html")
    return template.render(
        study=result.study,
        answer=answer(result),
        lines=list(dict.fromkeys(v.cell_line for v in result.verdicts)),
        claims=claim_rows(result),
        figures={name: (Markup(_wide(svg)), caption) for name, (svg, caption) in figures.items()},  # noqa: S704
        lanes=lanes,
        densitometry=[] if dish is None else densitometry_table(dish, lanes, weights=weights_of(result.ensemble, dish)),
        screening=result.screening.to_dict("records"),
        attrs=result.screening.attrs,
        experiments=[(e, list_arms(e), describe_arms(e.arms)) for e in result.study.experiments],
        bases=basis_rows(result),
        wirings=wiring_rows(result),
        sensitivity=sensitivity_rows(result),
        pathway=result.pathway.to_dict("records"),
        failures=result.failures.to_dict("records"),
        sources=source_rows(result),
        provenance=_flat(result.provenance),
        draws=result.ensemble.draws.sizes["draw"],
        number=number,
    )


def _wide(svg: str) -> str:
    """Let a figure fill the column, up to a size at which its letters are as large as the text's."""
    width = re.search(r'<svg[^>]*? width="([\d.]+)pt"', svg)
    natural = float(width[1]) if width else 500.0
    head = re.sub(r' (width|height)="[\d.]+pt"', "", svg[: svg.index(">") + 1])
    return head[:-1] + f' style="width:100%;max-width:{1.35 * natural:.0f}pt;height:auto">' + svg[svg.index(">") + 1 :]


def _flat(provenance: Mapping[str, object], head: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in provenance.items():
        name = f"{head}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            rows += _flat(value, f"{name} ")
        else:
            rows.append((name, f"{value:.1f}" if isinstance(value, float) else str(value)))
    return rows


def pictures(result: ReportData) -> list[Picture]:
    """Give the figures that a result can fill, in the page's order."""
    verdicts = together(result.verdicts)
    found = [
        Picture("claims", "Probability that each statement holds, all its contrasts together, with Monte-Carlo error. Shaded: supported (0.9 and more) and contradicted (0.1 and less). Open circles: put into the model.", lambda: plot_claims(verdicts)),
        *_signalling(result),
        *_dose_response(result),
        *_phenotypes(result),
        *_causes(result),
    ]  # fmt: skip
    return found if verdicts else found[1:]


def _weights(result: ReportData) -> Floats | None:
    if result.ensemble.weights is None:
        return None
    first = next(iter(next(iter(result.readouts.values())).values()))
    return weights_of(result.ensemble, first)


def _signalling(result: ReportData) -> list[Picture]:
    blot = find_readout(result, "dish", "western_blot")
    if blot is None:
        return []
    weights = _weights(result)
    return [
        Picture(
            "pathway-map",
            "What the knock-down of IGF-1R does to each node under 5 µM sorafenib at 24 h: median over draws of log2(knock-down / non-targeting shRNA). Migration is read in the serum-free wound.",
            lambda: plot_pathway_map(pathway_activity(result.readouts, weights=weights)),
        ),
        Picture(
            "blots",
            "Drawn Western blots at 24 h: bands of the median draw with the loading and band noise of one blot; under each band the median fold over the control lane, with the antibody's saturation.",
            lambda: plot_blots(blot),
        ),
    ]


def _dose_response(result: ReportData) -> list[Picture]:
    weights, out = _weights(result), []
    viability, growth = find_readout(result, "dish", "viability"), find_readout(result, "dish", "gr")
    if viability is not None:
        out.append(Picture("dose-response", f"Viability (CCK-8) at 72 h against sorafenib, relative to the same cells without it. {BAND} Above 1 the drug makes cells grow: paradoxical activation of RAF.", lambda: plot_dose_response(viability, weights=weights)))  # fmt: skip
    if growth is not None:
        out.append(Picture("growth-inhibition", f"Normalised growth rate (GR) over 72 h: 1 undisturbed, 0 no growth, below 0 loss of cells. {BAND}", lambda: plot_dose_response(growth, weights=weights, label="GR value")))  # fmt: skip
    for name, label in (("ic50", "IC50"), ("gr50", "GR50")):
        fit = find_readout(result, "dish", name)
        if fit is not None:
            caption = f"{label} of sorafenib (left: median, half and 90 % of draws; the share above the top dose is in words) and its shift by each manipulation, draw by draw (right)."
            out.append(Picture(name, caption, lambda fit=fit, label=label: plot_ic50(fit, weights=weights, label=label)))  # type: ignore[misc]
    return out


def _phenotypes(result: ReportData) -> list[Picture]:
    weights, out = _weights(result), []
    places = (
        ("cleaved caspase-3 at 48 h (nM)", "cleaved_caspase", 48.0),
        ("dead cells at 48 h (fraction)", "dead_fraction", 48.0),
        ("cells in S phase at 24 h (fraction)", "s_phase", 24.0),
    )
    read = {label: (readout, hours) for label, name, hours in places if (readout := find_readout(result, "dish", name)) is not None}
    if read:
        out.append(Picture("cell-fates", "Apoptosis and proliferation without (open) and with (filled) 5 µM sorafenib: median, half and 90 % of draws.", lambda: plot_intervals(read, weights=weights)))  # fmt: skip
    wound = find_readout(result, "wound", "wound_closure")
    if wound is not None:
        out.append(Picture("wound", "Scratch wound in serum-free medium, as the microscope would show it: median closure at 24 and 48 h.", lambda: plot_wounds(wound, weights=weights)))  # fmt: skip
    tumour = find_readout(result, "xenograft", "tumour_volume")
    if tumour is not None:
        out.append(Picture("tumour", f"Volume of subcutaneous tumours. {BAND}", lambda: plot_courses(tumour, label="tumour volume (mm³)", unit="d", weights=weights, log=True)))  # fmt: skip
    receptor = find_readout(result, "expression", "igf1r_total")
    if receptor is not None:
        out.append(Picture("receptor", "Total IGF-1R of untreated cells (an input of the model): median, half and 90 % of draws.", lambda: plot_receptor(receptor, weights=weights)))  # fmt: skip
    return out


def _causes(result: ReportData) -> list[Picture]:
    out = []
    if len(result.pathway):
        out.append(Picture("pathway-share", "Share of the sensitivity shift that is lost when a pathway's output is held at its untreated level: median and 90 % of the draws in which there is a shift to share.", lambda: plot_pathway_share(result.pathway)))  # fmt: skip
    if result.sensitivity:
        out.append(Picture("sensitivity", "What decides the IC50 shift: rank correlation of each parameter and wiring with it over draws, the fifteen strongest. Grey: no more than chance would give (false discovery rate above 5 %).", lambda: plot_sensitivity(result.sensitivity)))  # fmt: skip
    return out
