"""How figures look: sizes, colours, fonts, and how one becomes SVG."""

import functools
import io
import math
import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

COLUMN = 3.5
"""Width of one journal column, inch."""
PAGE = 7.1
"""Width of two journal columns, inch."""

BLACK, GREY, LIGHT = "#111111", "#6b6b6b", "#d9d9d9"
# Okabe and Ito, Color Universal Design (2008)
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"

_COLOURS = {
    "control": BLACK, "shNT": GREY, "shIGF1R": VERMILLION, "IGF1": BLUE, "picropodophyllin": GREEN,
    "hyperinsulinaemia": ORANGE, "hepatocyte": GREY, "HepG2": BLUE, "SK-Hep1": VERMILLION,
}  # fmt: skip
_SPARE = (PURPLE, SKY, GREEN, ORANGE, BLUE)
_MARKERS = {"control": "o", "shNT": "s", "shIGF1R": "v", "IGF1": "^", "picropodophyllin": "D", "hyperinsulinaemia": "P"}
_NAMES = {
    "control": "control",
    "shNT": "shNT",
    "shIGF1R": "IGF-1R knock-down",
    "IGF1": "+ IGF-1",
    "hyperinsulinaemia": "hyperinsulinaemia",
    "hepatocyte": "normal hepatocyte",
}

RC: dict[str, Any] = {
    "font.family": "DejaVu Sans", "font.size": 7.5, "axes.titlesize": 8, "axes.labelsize": 7.5,
    "xtick.labelsize": 7, "ytick.labelsize": 7, "legend.fontsize": 7, "figure.titlesize": 8.5,
    "axes.linewidth": 0.7, "lines.linewidth": 1.2, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "xtick.major.size": 2.5, "ytick.major.size": 2.5, "axes.spines.top": False, "axes.spines.right": False,
    "axes.titlelocation": "left", "axes.axisbelow": True, "legend.frameon": False, "legend.handlelength": 1.6,
    "text.parse_math": False, "axes.unicode_minus": True, "figure.dpi": 100, "savefig.dpi": 150,
    "svg.fonttype": "none", "svg.hashsalt": "hepatica", "svg.image_inline": True, "hatch.linewidth": 0.6,
    "figure.constrained_layout.h_pad": 0.05, "figure.constrained_layout.w_pad": 0.05,
}  # fmt: skip

_FONTS = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def _apply_style() -> None:
    mpl.rcdefaults()
    for key, value in RC.items():
        mpl.rcParams[key] = value  # type: ignore[index]


def styled[**P](plot: Callable[P, Figure]) -> Callable[P, Figure]:
    """Make a plotting function draw in the report's style, whatever the caller's own matplotlib settings are."""

    @functools.wraps(plot)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context():
            _apply_style()
            return plot(*args, **kwargs)

    return wrapper


def new_figure(width: float, height: float) -> Figure:
    """Give an empty figure, ``width`` x ``height`` inch, that keeps its labels apart."""
    return Figure(figsize=(width, height), layout="constrained")


def clean(name: object) -> str:
    """Give a name as text that any SVG reader accepts (control characters left out)."""
    return _CONTROL.sub("", str(name))


def display_name(name: str) -> str:
    """Give the readable name of a manipulation or cell line."""
    return _NAMES.get(name, clean(name))


def colour_of(name: str, index: int = 0) -> str:
    """Give the fixed colour of a manipulation or cell line; others take a spare one by ``index``."""
    return _COLOURS.get(name, _SPARE[index % len(_SPARE)])


def marker_of(name: str) -> str:
    """Give the fixed marker of a manipulation, so that colour is never the only sign."""
    return _MARKERS.get(name, "X")


def letter_panels(axes: Sequence[Axes]) -> None:
    """Write A, B, C ... at the top left of panels, outside of the axes."""
    for index, ax in enumerate(axes):
        letter = chr(ord("A") + index % 26)
        ax.annotate(letter, (0, 1), xycoords="axes fraction", xytext=(-4, 4), textcoords="offset points",
                    ha="right", va="bottom", fontsize=9, fontweight="bold", annotation_clip=False)  # fmt: skip


def log_ticks(ax: Axes, *, vertical: bool = False) -> None:
    """Make an axis logarithmic with plain numbers at 1, 2, 5 x 10^n, thinned to at most eight."""
    axis = ax.yaxis if vertical else ax.xaxis
    (ax.set_yscale if vertical else ax.set_xscale)("log")
    low, high = sorted(axis.get_view_interval())
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for steps in ((1, 2, 5), (1,)):
        ticks = [s * 10.0**n for n in range(first, last + 1) for s in steps if low <= s * 10.0**n <= high]
        if len(ticks) <= 8:
            break
    every = max(1, math.ceil(len(ticks) / 8))
    axis.set_ticks(ticks[::every], labels=[f"{t:,.6g}" for t in ticks[::every]])
    axis.set_minor_locator(NullLocator())


def say_empty(sentence: str) -> Figure:
    """Give a figure that says in words why nothing is drawn."""
    figure = Figure(figsize=(COLUMN, 0.8))
    figure.text(0.5, 0.5, sentence, ha="center", va="center", color=GREY, wrap=True)
    return figure


def to_svg(figure: Figure, name: str, description: str) -> str:
    """Write a figure as an SVG text that is the same for the same figure, byte by byte.

    Parameters
    ----------
    figure
        The figure.
    name
        Put before every id, so that several figures can stand in one page.
    description
        What a reader who cannot see the figure is told.

    Returns
    -------
    str
        An ``<svg>`` element, without prolog.
    """
    buffer = io.StringIO()
    with mpl.rc_context():
        _apply_style()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'(<image\b[^>]*?) id="[^"]*"', r"\1", text)  # the same picture twice would have the same id twice
    text = re.sub(r'(?<=\sid=")', f"{name}-", text)
    text = text.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    text = text.replace("'DejaVu Sans'", _FONTS)
    label = f' role="img" aria-labelledby="{name}-description"'
    title = f'<title id="{name}-description">{escape(clean(description))}</title>'
    return re.sub(r"<svg([^>]*)>", lambda found: f"<svg{found[1]}{label}>{title}", text, count=1)
