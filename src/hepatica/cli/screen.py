"""What the commands print: progress, tables, data."""

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from hepatica.claims import Verdict
    from hepatica.model import Issue
    from hepatica.study import StudyResult

Progress = Callable[[str, int, int], None]
A_MINUTE = 60.0


@contextmanager
def show_progress() -> Iterator[Progress]:
    """Show progress on stderr: bars with the time left on a terminal, else a line at each tenth and each minute.

    The first run on a machine says that it prepares the solver.
    """
    from hepatica.solver import loop_is_ready

    if not loop_is_ready():
        sys.stderr.write(
            "hepatica: the first run prepares the solver for this machine, once; this takes about half a minute\n"
        )
        sys.stderr.flush()
    if not sys.stderr.isatty():
        yield _plain_progress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def show_bar(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield show_bar


def _plain_progress(clock: Callable[[], float] = time.monotonic) -> Progress:
    begun: dict[str, tuple[float, int]] = {}
    shown: dict[str, tuple[float, int]] = {}

    def show_line(stage: str, done: int, total: int) -> None:
        now, tenth = clock(), 10 * done // max(total, 1)
        start, before = begun.setdefault(stage, (now, done))
        last, shown_tenth = shown.setdefault(stage, (now, 0))
        if tenth <= shown_tenth and now - last < A_MINUTE:
            return
        shown[stage] = now, tenth
        left = ""
        if before < done < total and now - start > 1:
            left = f", {_duration((total - done) * (now - start) / (done - before))} left"
        sys.stderr.write(f"{stage}: {done} of {total} ({100 * done // max(total, 1)} %{left})\n")
        sys.stderr.flush()

    return show_line


def _duration(seconds: float) -> str:
    minutes = round(seconds / A_MINUTE)
    if minutes == 0:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def print_json(value: object) -> None:
    """Print a record, with what it holds, as JSON."""
    typer.echo(json.dumps(_plain(value), indent=1, ensure_ascii=False))


def _plain(value: object) -> object:
    """Give dataclasses, mappings and sequences as what JSON knows."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(v) for v in value]
    return value


def issue_lines(issues: "Sequence[Issue]", shown: int = 3) -> Iterator[str]:
    """Give the issues in their order, of each kind the first few in full and the rest as a number."""
    kinds = Counter(_kind(issue) for issue in issues)
    seen: Counter[tuple[str, str]] = Counter()
    for issue in issues:
        kind = _kind(issue)
        seen[kind] += 1
        if seen[kind] <= shown:
            yield f"{issue.severity}: {f'{issue.where}: ' if issue.where else ''}{issue.message}"
        if seen[kind] == shown and kinds[kind] > shown:
            yield f"    and {kinds[kind] - shown} more like this (all with --json)"
    errors = sum(issue.severity == "error" for issue in issues)
    yield f"{errors} errors, {len(issues) - errors} warnings" if issues else "no issues"


def _kind(issue: "Issue") -> tuple[str, str]:
    return issue.severity, re.sub(r"'[^']*'", "'...'", issue.message)


def print_result(result: "StudyResult") -> None:
    """Print the screening in one line and the claims as a table."""
    from rich.console import Console
    from rich.table import Table

    from hepatica.report.elsewhere import elsewhere_words

    console = Console(width=None if sys.stdout.isatty() else 120)
    attrs = result.screening.attrs
    share = attrs["accepted"] / max(attrs["candidates"], 1)
    origin = result.ensemble.origin
    typer.echo(f"{attrs['accepted']} of {attrs['candidates']} {origin} draws pass the screening rules ({share:.1%})")
    before = {} if result.prior is None else {(v.claim, v.contrast, v.cell_line): v for v in result.prior.verdicts}
    lines = list(dict.fromkeys(v.cell_line for v in result.verdicts))
    table = Table("claim", "statement", "kind", *lines, box=None, pad_edge=False)
    for claim in result.study.claims:
        together = {v.cell_line: v for v in result.verdicts if v.claim == claim.id and v.contrast == "all"}
        cells = [
            verdict_text(together[line], before.get((claim.id, "all", line))) if line in together else ""
            for line in lines
        ]
        table.add_row(claim.id, claim.text, claim.kind, *cells)
    console.print(table)
    if words := elsewhere_words(result):
        typer.echo(f"numbers of other papers: {words}")
    if result.doubts:
        typer.echo("BLOCKED: the draws of the posterior did not converge; do not rely on what stands after the data:")
        for reason in result.doubts:
            typer.echo(f"  {reason}")


def verdict_text(verdict: "Verdict", before: "Verdict | None" = None) -> str:
    """Give an outcome with its probability and error, and the probability before the data."""
    if verdict.n == 0:
        return f"{verdict.outcome} (no draw can tell)"
    prior = "" if before is None or not before.n else f"; before the data {before.probability:.3f}"
    return f"{verdict.outcome} (P {verdict.probability:.3f} ± {verdict.error:.3f}{prior})"
