"""The figures of the fits as text and as Markdown."""

from typing import Any

from tables import to_table

Figures = dict[str, Any]


def to_text(r: Figures) -> str:
    """One problem for the terminal."""
    lines = [
        f"{r['title']}: {r['parameters']} parameters, {r['measurements']} measurements; best known {-r['known']:.3f}"
    ]
    for name in ("hepatica", "peer"):
        e = r.get(name, {})
        lines.append(
            f"  {name:10} {e['starts']} starts, {e['good']} good, {e['seconds']:.1f} s, {e['points']} points; a good one {_each(e)} s, "
            f"{_each(e, 'points')} points; best {_best(e)}"
            if "starts" in e
            else f"  {name:10} {e.get('absent', 'not measured')}"
        )
    return "\n".join([*lines, f"  time, other / ours: {_ratio(r)}"]) + "\n"


def figures(kept: Figures) -> str:
    """Both tables."""
    problems = list(kept["problems"].values())
    peers = [r["peer"] for r in problems if "version" in r.get("peer", {})]
    name = peers[0]["version"] if peers else "pyPESTO with AMICI"
    head = ["problem", "parameters", "best known", "best, hepatica", "best, pyPESTO", "s a good start", "pyPESTO, s"]
    head += ["points a good start", "pyPESTO, points", "time, pyPESTO / hepatica"]
    rows: list[list[Any]] = [head]
    more: list[list[Any]] = [
        [
            "problem",
            "starts (good)",
            "pyPESTO",
            "its other setting",
            "ms a point",
            "pyPESTO, ms",
            "s a start",
            "pyPESTO, s",
            "the same starts, s (good), hepatica and pyPESTO",
            "difference",
        ]
    ]
    for r in problems:
        if "hepatica" not in r:
            rows.append([r["title"], "not in the collection at hand", *["-"] * (len(head) - 2)])
            continue
        e, p = r["hepatica"], r.get("peer", {})
        head_cells = [r["title"], r["parameters"], f"{-r['known']:.3f}", _best(e), _best(p)]
        rows.append([*head_cells, _each(e), _each(p), _each(e, "points"), _each(p, "points"), _ratio(r)])
        cells = [_started(e), _set(p), _set(p.get("other", {})), *(_part(q, "seconds", "points", 1e3) for q in (e, p))]
        cells += [_part(q, "seconds", "starts", 1.0) for q in (e, p)]
        cells.append(_same(e, p))
        more.append([r["title"], *cells, f"{p['difference']:.0e}" if "difference" in p else p.get("absent", "-")])
    return "\n".join(
        [
            "<!-- written by `make fitting` -->\n",
            f"Measured on: {kept.get('machine', '-')}; one core, processor time, beside {name}. Log-posteriors; seconds and evaluated "
            "points per start that ends within 0.1 of the best known one or above it. Where no start did, all that was spent stands "
            "behind a `>`.\n",
            to_table(rows),
            "\nStarts, and how many were good; what a point and a start cost; what the starts cost that both took, ours by their share of "
            "the points; and the difference of the log-posteriors at the best point found.\n",
            to_table(more),
        ]
    ) + "\n"  # fmt: skip


def _each(e: Figures, what: str = "seconds") -> str:
    if "starts" not in e:
        return "-"
    value = e[what] / max(1, e["good"])
    shown = f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
    return shown if e["good"] else f">{shown}"


def _ratio(r: Figures) -> str:
    ours, theirs = r.get("hepatica", {}), r.get("peer", {})
    if "starts" not in theirs or not ours.get("good"):
        return "-"
    ratio = theirs["seconds"] / max(1, theirs["good"]) / (ours["seconds"] / ours["good"])
    return f"{ratio:.0f}x" if theirs["good"] else f">{ratio:.0f}x"


def _same(ours: Figures, theirs: Figures) -> str:
    """Both on the starts that the other engine had time for, the first ones."""
    if "starts" not in theirs or "evaluations" not in ours:
        return "-"
    n = theirs["starts"]
    share = sum(ours["evaluations"][:n]) / sum(ours["evaluations"])
    good = sum(x is not None and x <= ours["limit"] for x in ours["objectives"][:n])
    seconds = share * ours["seconds"]
    ratio = theirs["seconds"] / seconds
    return f"{seconds:.2g} ({good}), {theirs['seconds']:,.0f} ({theirs['good']}): {ratio:.0f}x"


def _best(e: Figures) -> str:
    return f"{-e['best']:.3f}" if e.get("best") is not None else "-"


def _started(e: Figures) -> str:
    return f"{e['starts']} ({e['good']})" if "starts" in e else "-"


def _set(e: Figures) -> str:
    return f"{e['update']}: {_started(e)}" if "starts" in e else "-"


def _part(e: Figures, above: str, below: str, factor: float) -> str:
    return f"{factor * e[above] / e[below]:.2g}" if "starts" in e else "-"
