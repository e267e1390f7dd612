"""The report: one self-contained HTML page, and its figures beside it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from hepatica.errors import StorageError
from hepatica.report.blots import blot_lanes, densitometry_table
from hepatica.report.data import ReportData, find_readout, weights_of
from hepatica.report.elsewhere import elsewhere_rows, elsewhere_words
from hepatica.report.pictures import Picture, pictures
from hepatica.report.style import to_svg
from hepatica.report.tables import (
    basis_rows,
    claim_rows,
    decisive_rows,
    fit_rows,
    influence_rows,
    influence_unknown,
    sensitivity_rows,
    source_rows,
    wiring_rows,
)
from hepatica.report.template import fill, save_page
from hepatica.report.words import answer, describe_arms, list_arms, number, percent


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
    shown = pictures(result)
    figures = {p.name: to_svg(p.draw(), p.name, p.caption) for p in shown}
    page = render(result, shown, figures)
    try:
        (out / "figures").mkdir(parents=True, exist_ok=True)
        for name, svg in figures.items():
            (out / "figures" / f"{name}.svg").write_text(
                '<?xml version="1.0" encoding="utf-8"?>\n' + svg, encoding="utf-8"
            )
    except OSError as error:
        raise StorageError(
            f"'{error.filename or out}' cannot be written: {error.strerror}; free space or choose another folder."
        ) from error
    return save_page(out / "report.html", page)


def render(result: ReportData, shown: Sequence[Picture], figures: Mapping[str, str]) -> str:
    """Fill the page's template; every text is escaped, figures are SVG of our own, by the name of their picture."""
    dish = find_readout(result, "dish", "western_blot")
    lanes = [] if dish is None else blot_lanes(dish)
    return fill(
        "report.html",
        study=result.study,
        answer=answer(result),
        doubts=result.doubts,
        lines=list(dict.fromkeys(v.cell_line for v in result.verdicts)),
        claims=claim_rows(result),
        figures={p.name: (p, Markup(wide(figures[p.name]))) for p in shown},  # noqa: S704
        lanes=lanes,
        densitometry=[] if dish is None else densitometry_table(dish, lanes, weights=weights_of(result.ensemble, dish)),
        fits=fit_rows(result),
        screening=result.screening.to_dict("records"),
        attrs=result.screening.attrs,
        fitted=result.prior is not None,
        influence=influence_rows(result),
        influence_unknown=influence_unknown(result),
        decisive=decisive_rows(result),
        elsewhere=elsewhere_rows(result),
        elsewhere_words=elsewhere_words(result),
        experiments=[(e, list_arms(e), describe_arms(e.arms)) for e in result.study.experiments],
        bases=basis_rows(result),
        wirings=wiring_rows(result),
        sensitivity=sensitivity_rows(result),
        pathway=result.pathway.to_dict("records"),
        failures=result.failures.to_dict("records"),
        sources=source_rows(result),
        provenance=_flat(result.provenance),
        number=number,
        percent=percent,
    )


def wide(svg: str) -> str:
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
