"""The figures of the benchmark as text and as Markdown."""

from typing import Any


def _number(x: float | None, digits: int = 3) -> str:
    if x is None:
        return "-"
    if x >= 100:
        return f"{x:,.0f}"
    return f"{x:.{digits}g}"


def to_text(result: dict[str, Any]) -> str:
    """One problem for the terminal."""
    ours = result["engines"]["hepatica"]
    lines = [
        f"{result['title']}: {result['states']} states, {result['varied']} parameters varied, {result['draws']} draws",
        "  reference and second engine, rtol 1e-9: "
        + (", ".join(f"{k} {v:.0e}" for k, v in result["agreement"].items()) or "no second engine")
        + f"; reference failed on {result['reference_failed']}",
        f"  {'':14}{'rtol':>8}{'error':>9}{'draws':>7}{'failed':>7}{'traj/s':>10}{'ratio':>8}{'one, ms':>9}{'ratio':>8}{'load, s':>9}",
    ]
    for name, e in result["engines"].items():
        if "rtol" not in e:
            lines.append(f"  {name:14}  {e['absent']}")
            continue
        ratio, single = ours["per_second"] / e["per_second"], e["single_ms"] / ours["single_ms"]
        lines.append(
            f"  {name:14}{e['rtol']:>8.0e}{e['achieved']:>9.0e}{e['draws']:>7}{e['failed']:>7}{_number(e['per_second']):>10}"
            f"{ratio:>8.1f}{e['single_ms']:>9.3g}{single:>8.1f}{e['load_s']:>9.3g}"
        )
    if "method" in ours:
        lines.append(
            f"  {ours['method']}, {ours['lanes']} lanes, {ours['lane_steps']:.0f} steps a draw, lanes {ours['full_lanes']:.0%} full; "
            f"cached reload {ours['reload_ms']:.1f} ms; two threads {_number(ours.get('two_threads'))}x one "
            f"(an arithmetic loop {_number(ours.get('two_loops'))}x)"
        )
    return "\n".join(lines) + "\n"


def to_markdown(results: dict[str, Any]) -> str:
    """All problems as four tables: throughput, single runs, loading and threads, how it was measured."""
    models = list(results["models"].values())
    peers = list(dict.fromkeys(k for r in models for k in r["engines"] if k != "hepatica"))
    parts = (
        f"Processor: {results['machine']}.",
        "Trajectories a second, one core, at equal achieved error 1e-4, and hepatica's over the other's:",
        _throughput(models, peers),
        "A single run:",
        _latency(models, peers),
        "Compiling or loading; what two threads gain over one, beside what a loop of arithmetic gains from them; and the part of "
        "the lanes that had no trajectory to follow, the most that narrower kernels for the last trajectories could save:",
        _loading(models, peers),
        "How each figure was taken:",
        _conditions(models),
    )
    return "\n\n".join(parts) + "\n"


def _throughput(models: list[dict[str, Any]], peers: list[str]) -> str:
    inside = [p for p in peers if any(r["engines"].get(p, {}).get("integrator_per_second") for r in models)]
    rows = [
        ["model", "states", "hepatica", *(f"{p} (ratio)" for p in peers), *(f"{p}, integrator alone" for p in inside)]
    ]
    for r in models:
        ours, engines = r["engines"]["hepatica"], r["engines"]
        others = [_against(ours, engines.get(p, {}), "per_second") for p in peers]
        for p in inside:
            alone = engines.get(p, {}).get("integrator_per_second")
            others.append(_against(ours, {"per_second": alone} if alone else {}, "per_second"))
        rows.append([r["title"], r["states"], _number(ours.get("per_second")), *others])
    return to_table(rows)


def _latency(models: list[dict[str, Any]], peers: list[str]) -> str:
    rows = [["model", "hepatica, ms", *(f"{p}, ms (ratio)" for p in peers)]]
    for r in models:
        ours, engines = r["engines"]["hepatica"], r["engines"]
        single = [_against(ours, engines.get(p, {}), "single_ms") for p in peers]
        rows.append([r["title"], _number(ours.get("single_ms")), *single])
    return to_table(rows)


def _loading(models: list[dict[str, Any]], peers: list[str]) -> str:
    head = [
        "model",
        "hepatica, s",
        *(f"{p}, s" for p in peers),
        "hepatica cached, ms",
        "two threads (arithmetic loop)",
        "lanes idle",
    ]
    rows = [head]
    for r in models:
        ours, engines = r["engines"]["hepatica"], r["engines"]
        load = [_number(engines.get(p, {}).get("load_s")) for p in ("hepatica", *peers)]
        rows.append([r["title"], *load, _number(ours.get("reload_ms")), _threads(ours), _idle(ours)])
    return to_table(rows)


def _conditions(models: list[dict[str, Any]]) -> str:
    rows = [["model", "varied", "engine", "method, rtol", "achieved", "draws", "failed", "from the reference at 1e-9"]]
    for r in models:
        for name, e in r["engines"].items():
            if "rtol" not in e:
                rows.append([r["title"], r["varied"], name, e["absent"], "-", "-", "-", "-"])
                continue
            agreement = r["agreement"].get(name)
            method = f"{e.get('method', 'cvode')} {e['rtol']:.0e}"
            how = [f"{e['achieved']:.0e}", e["draws"], e["failed"], "-" if agreement is None else f"{agreement:.0e}"]
            rows.append([r["title"], r["varied"], f"{name} {e.get('version', '')}".strip(), method, *how])
    return to_table(rows)


def _against(ours: dict[str, Any], other: dict[str, Any], key: str) -> str:
    if key not in other or key not in ours:
        return "-"
    ratio = ours[key] / other[key] if key == "per_second" else other[key] / ours[key]
    return f"{_number(other[key])} ({_number(ratio, 2)}x)"


def _threads(ours: dict[str, Any]) -> str:
    if "two_threads" not in ours:
        return "-"
    return f"{ours['two_threads']:.2f} ({ours['two_loops']:.2f})"


def _idle(ours: dict[str, Any]) -> str:
    return f"{1.0 - ours['full_lanes']:.1%}" if "full_lanes" in ours else "-"


def to_table(rows: list[list[Any]]) -> str:
    """A Markdown table; the first row is its head."""
    rows = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(str(c) for c in row) + " |" for row in rows)
