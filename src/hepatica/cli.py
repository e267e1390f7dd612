"""The command line: each command calls one public function and shows what it gives.

Heavy rooms are imported inside the commands, so that ``--help`` and ``--version`` answer at once.
"""

import json
import re
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hepatica.errors import HepaticaError, InputError, NotFoundError

if TYPE_CHECKING:
    from hepatica.agreement import Agreement
    from hepatica.claims import Verdict
    from hepatica.model import Issue, Model
    from hepatica.study import Study, StudyResult

INTERRUPTED = 130
Progress = Callable[[str, int, int], None]

app = typer.Typer(
    name="hepatica",
    help="A virtual laboratory: what makes liver cancer resist sorafenib, and what gives the sensitivity back?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
AsJson = Annotated[bool, typer.Option("--json", help="Print the same as data.")]


def main() -> None:
    """Run the command line; a user's mistake ends in one sentence and an exit code."""
    try:
        app()
    except HepaticaError as error:
        sys.stderr.write(f"hepatica: {error}\n")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


def _show_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"hepatica {version('hepatica')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Hold what stands before a command."""


@app.command()
def run(
    study: Annotated[str, typer.Argument(help="A study: its folder, its study.toml, or its name in ./studies.")],
    draws: Annotated[int | None, typer.Option(help="Accepted draws, instead of the study's own number.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the draws, instead of the study's own.")] = None,
    threads: Annotated[int | None, typer.Option(help="Worker threads; all cores when not given.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the result; results/STUDY when not given.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    as_json: AsJson = False,
) -> None:
    """Simulate a study, judge its claims, write the report."""
    if threads is not None and threads < 1:
        raise InputError(f"threads is {threads}; expected at least one.")
    from hepatica.study import as_data, load_study, run_study

    plan = load_study(study)
    folder = out or Path("results") / plan.id
    command = shlex.join(["hepatica", *sys.argv[1:]])
    try:
        with _progress() as progress:
            result = run_study(
                plan, folder, draws=draws, seed=seed, threads=threads, resume=resume, progress=progress, command=command
            )
        from hepatica.report import write_report

        report = write_report(result, folder)
    except KeyboardInterrupt:
        again = shlex.join(["hepatica", *(a for a in sys.argv[1:] if a != "--resume"), "--resume"])
        sys.stderr.write(f"hepatica: interrupted; what is done is kept in '{folder}'. Continue with: {again}\n")
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        _print_json({**as_data(result), "report": str(report)})
        return
    _print_result(result)
    typer.echo(str(report))


@app.command()
def simulate(
    model: Annotated[str, typer.Argument(help="A model: a file of SBML or Antimony, or a library name.")],
    until: Annotated[float, typer.Option(help="Last reading, in the model's unit of time.")] = 100.0,
    points: Annotated[int, typer.Option(help="Readings, evenly spaced from zero on.")] = 101,
    of: Annotated[str, typer.Option(help="What to read, separated by commas; everything when not given.")] = "",
    given: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE: a parameter or initial value, in its own unit.")
    ] = None,
    draws: Annotated[int, typer.Option(help="Parameter sets from the model's priors, or as --sigma says.")] = 0,
    sigma: Annotated[
        float | None, typer.Option(help="Draw every parameter around its value, log-normal with this sd of ln.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 1,
    rtol: Annotated[float | None, typer.Option(help="Relative tolerance; 1e-5 when not given.")] = None,
    threads: Annotated[int | None, typer.Option(help="Worker threads; all cores when not given.")] = None,
    out: Annotated[Path | None, typer.Option(help="FILE.nc or FILE.csv; printed as CSV when not given.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted FILE.nc.")] = False,
) -> None:
    """Simulate any model, once or for many parameter sets."""
    from hepatica.course import plan_course, write_course
    from hepatica.solver import Tolerances

    course = plan_course(
        model, until=until, points=points, of=tuple(n.strip() for n in of.split(",") if n.strip()), given=tuple(given or ()),
        draws=draws, sigma=sigma, seed=seed, tolerances=None if rtol is None else Tolerances(rtol=rtol),
    )  # fmt: skip
    try:
        with _progress() as progress:
            failed = write_course(course, out, sys.stdout, threads=threads, resume=resume, progress=progress)
    except KeyboardInterrupt:
        kept = out is not None and out.suffix == ".nc"
        again = shlex.join(["hepatica", *(a for a in sys.argv[1:] if a != "--resume"), "--resume"])
        sys.stderr.write(f"hepatica: interrupted.{f' Continue with: {again}' if kept else ''}\n")
        raise typer.Exit(INTERRUPTED) from None
    for sentence in failed.sentences:
        sys.stderr.write(f"{sentence}\n")
    if failed.count:
        sys.stderr.write(f"{failed.count} of {course.size} runs failed; their values are empty from there on\n")
    if failed.count == course.size:
        raise typer.Exit(1)
    if out is not None:
        typer.echo(str(out))


@app.command()
def fit(
    problem: Annotated[Path, typer.Argument(help="A PEtab problem: its YAML file; or the folder of a calibration.")],
    starts: Annotated[
        int | None, typer.Option(help="Starting points of the optimizer; 100 when not given, 4 for a calibration.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the starting points.")] = 1,
    rtol: Annotated[
        float | None, typer.Option(help="Relative tolerance of the simulations; 1e-6 when not given.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Worker threads; all cores when not given.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the result; results/PROBLEM when not given.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted fit, or add starts to it.")
    ] = False,
    sample: Annotated[bool, typer.Option("--sample", help="Then draw from the posterior: posterior.nc.")] = False,
    draws: Annotated[int, typer.Option(help="Draws from the posterior, at least.")] = 2000,
    profiles: Annotated[bool, typer.Option("--profile", help="Profile every parameter around the best fit.")] = False,
    without: Annotated[
        list[str] | None, typer.Option(help="A data set that a calibration leaves out; may be given again.")
    ] = None,
    petab: Annotated[
        Path | None, typer.Option(help="Only write the problem of a calibration as PEtab into this folder.")
    ] = None,
) -> None:
    """Fit a PEtab problem from many starting points, and write a report; or fit and sample a calibration."""
    if (problem / "calibration.toml").is_file() or problem.name == "calibration.toml":
        _fit_calibration(problem, out, starts or 4, seed, draws, threads, tuple(without or ()), petab, resume=resume)
        return
    from hepatica.inference.diagnose import check_samples, describe_samples
    from hepatica.inference.fitting import describe_fit, fit_petab, profile_petab
    from hepatica.inference.sampling import sample_petab
    from hepatica.simulation.setup import workers
    from hepatica.solver import Tolerances

    folder = out or Path("results") / problem.stem
    tolerances = None if rtol is None else Tolerances(rtol=rtol)
    try:
        with _progress() as progress:
            found = fit_petab(
                problem, folder, starts=starts or 100, seed=seed, threads=workers(threads), tolerances=tolerances, resume=resume,
                progress=lambda done, total: progress("starts", done, total), command=shlex.join(["hepatica", *sys.argv[1:]]),
            )  # fmt: skip
            fitted = bool(found["objective"].notnull().any())
            if profiles and fitted:
                profile_petab(
                    problem, folder, threads=workers(threads), tolerances=tolerances,
                    progress=lambda done, total: progress("profiles", done, total),
                )  # fmt: skip
            drawn = None if not sample else sample_petab(
                problem, folder, draws=draws, seed=seed, threads=workers(threads), tolerances=tolerances, resume=resume,
                progress=lambda done, total: progress("sampling, % of a chain", done, total),
            )  # fmt: skip
    except KeyboardInterrupt:
        again = shlex.join(["hepatica", *(a for a in sys.argv[1:] if a != "--resume"), "--resume"])
        sys.stderr.write(f"hepatica: interrupted; nothing is lost. Continue with: {again}\n")
        raise typer.Exit(INTERRUPTED) from None
    for line in describe_fit(found):
        typer.echo(line)
    from hepatica.report import write_fit_report

    typer.echo(str(folder / "fit.nc"))
    if drawn is not None:
        for line in describe_samples(drawn):
            typer.echo(line)
        typer.echo(str(folder / "posterior.nc"))
    typer.echo(str(write_fit_report(folder, threads=workers(threads))))
    if not fitted or (drawn is not None and check_samples(drawn)):
        raise typer.Exit(1)


def _check_calibration(name: str, *, as_json: bool) -> None:
    """Say what a calibration fits: its measurements by data set and role, and its parameters."""
    from hepatica.calibration import read_calibration

    found = read_calibration(name)
    counts = {
        role: {
            g: int((found.groups[found.rows(role)] == g).sum())
            for g in dict.fromkeys(found.groups[found.rows(role)].tolist())
        }
        for role in ("fit", "held-out")
    }
    parameters = len(found.of("fit").estimated)
    if as_json:
        _print_json({"id": found.id, "parameters": parameters, "wirings": list(found.wirings), "measurements": counts})
        return
    typer.echo(
        f"calibration {found.id}: {parameters} parameters, {len(found.wirings)} wirings, {len(found.lines)} cell lines"
    )
    for role, sets in counts.items():
        typer.echo(f"{role}: {sum(sets.values())} measurements ({', '.join(f'{g} {n}' for g, n in sets.items())})")
    typer.echo("no issues")


def _fit_calibration(
    place: Path, out: Path | None, starts: int, seed: int, draws: int, threads: int | None, without: tuple[str, ...], petab: Path | None,
    *, resume: bool,
) -> None:  # fmt: skip
    """Fit and sample a calibration, or write it as PEtab."""
    from hepatica.calibration import read_calibration
    from hepatica.calibration.export import export_petab
    from hepatica.calibration.run import calibrate, describe_calibrated
    from hepatica.inference.diagnose import check_samples
    from hepatica.simulation.setup import workers

    calibration = read_calibration(place)
    if petab is not None:
        typer.echo(str(export_petab(calibration.of("fit", without=without), petab)))
        return
    folder = out or Path("results") / calibration.id
    try:
        with _progress() as progress:
            found = calibrate(
                calibration, folder, draws=draws, starts=starts, seed=seed, threads=workers(threads), without=without, resume=resume,
                progress=progress,
            )  # fmt: skip
    except KeyboardInterrupt:
        again = shlex.join(["hepatica", *(a for a in sys.argv[1:] if a != "--resume"), "--resume"])
        sys.stderr.write(f"hepatica: interrupted; nothing is lost. Continue with: {again}\n")
        raise typer.Exit(INTERRUPTED) from None
    for line in describe_calibrated(found):
        typer.echo(line)
    typer.echo(str(folder / "ensemble.nc"))
    if check_samples(found.samples):
        raise typer.Exit(1)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a fit, also of one that is running.")],
    threads: Annotated[int | None, typer.Option(help="Worker threads; all cores when not given.")] = None,
) -> None:
    """Write the report of a fit anew; of a running one, what it has found so far."""
    from hepatica.report import write_fit_report
    from hepatica.simulation.setup import workers

    typer.echo(str(write_fit_report(folder, threads=workers(threads))))


@app.command()
def check(
    name: Annotated[
        str,
        typer.Argument(
            help="A model (library name or file), a study (folder or study.toml), or a PEtab problem (YAML file)."
        ),
    ],
    against: Annotated[
        str | None,
        typer.Option(
            help="Compare our engine with another one instead, on the model's own values: roadrunner. Exit code 1 when a "
            "species, rule variable or rate differs by more than 1e-4 of its maximum."
        ),
    ] = None,
    until: Annotated[float, typer.Option(help="End of that comparison, in the model's time unit.")] = 100.0,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong in a model, a study or a PEtab problem, and what the parameters rest on."""
    if (Path(name) / "calibration.toml").is_file() or Path(name).name == "calibration.toml":
        _check_calibration(name, as_json=as_json)
        return
    if Path(name).suffix.lower() in {".yaml", ".yml"}:
        _check_petab(name, as_json=as_json)
        return
    from hepatica.library import list_models, load_model
    from hepatica.model import basis_share, check_model

    plan = None if name in list_models() else _load_if_study(name)
    model = load_model(name) if plan is None else plan.model
    if against is not None:
        _check_against(model, name, against, until, as_json=as_json)
        return
    issues, shares = check_model(model), basis_share(model)
    failed = any(issue.severity == "error" for issue in issues)
    if as_json:
        data: dict[str, Any] = {"model": model.id, "digest": model.digest, "issues": issues, "parameters": shares}
        if plan is not None:
            data |= {"study": plan.id, "claims": len(plan.claims), "experiments": [e.id for e in plan.experiments]}
        _print_json(data)
    else:
        if plan is not None:
            arms = sum(len(e.arms) * len(e.cell_lines) for e in plan.experiments)
            typer.echo(f"study {plan.id}: {len(plan.experiments)} experiments, {arms} arms, {len(plan.claims)} claims")
        sizes = f"{len(model.species)} species, {len(model.reactions)} reactions, {len(model.rules)} rules"
        typer.echo(f"model {model.id}: {sizes}")
        inputs = shares.pop("input")
        total = max(sum(shares.values()), 1)
        rests = ", ".join(f"{basis} {count} ({count / total:.0%})" for basis, count in shares.items() if count)
        more = f"; {inputs} more are inputs that an experiment sets" if inputs else ""
        typer.echo(f"{sum(shares.values())} parameters rest on: {rests}{more}")
        for line in _issue_lines(issues):
            typer.echo(line)
    if failed:
        raise typer.Exit(1)


def _check_petab(name: str, *, as_json: bool) -> None:
    """Say what is wrong in a PEtab problem."""
    from hepatica.inference import check_petab

    issues = check_petab(name)
    if as_json:
        _print_json({"problem": name, "issues": issues})
    else:
        typer.echo(f"PEtab problem {name}")
        for line in _issue_lines(issues):
            typer.echo(line)
    if any(issue.severity == "error" for issue in issues):
        raise typer.Exit(1)


def _check_against(model: "Model", name: str, against: str, until: float, *, as_json: bool) -> None:
    """Compare engines; a file of SBML goes to the other engine as it is, so that reading is compared too."""
    from hepatica.agreement import compare_engines
    from hepatica.sbml.guard import read_text

    path = Path(name)
    sbml = read_text(path) if path.suffix.lower() in {".xml", ".sbml"} and path.is_file() else None
    agreement = compare_engines(model, against=against, until=until, sbml=sbml)
    if as_json:
        _print_json({"sentence": agreement.sentence, "agree": agreement.agree} | asdict(agreement))
    else:
        _print_agreement(agreement)
    if not agreement.agree:
        raise typer.Exit(1)


def _print_agreement(agreement: "Agreement", shown: int = 8) -> None:
    """Print the quantities that differ most as a table, and the finding in one sentence."""
    from rich.console import Console
    from rich.table import Table

    table = Table("quantity", "kind", "difference", "at time", "hepatica", agreement.engine, box=None, pad_edge=False)
    for d in (*agreement.apart, *(d for d in agreement.differences if d not in agreement.apart))[:shown]:
        note = "" if d.resolved else " (numerical)"
        table.add_row(d.name, d.kind, f"{d.error:.1e}{note}", f"{d.time:.4g}", f"{d.ours:.9g}", f"{d.theirs:.9g}")
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    if agreement.unread:
        typer.echo(f"not compared, because {agreement.engine} does not give them: {', '.join(agreement.unread)}")
    typer.echo(agreement.sentence)


def _issue_lines(issues: "Sequence[Issue]", shown: int = 3) -> Iterator[str]:
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


def _load_if_study(name: str) -> "Study | None":
    """Give the study that a name stands for; nothing when it is a model's file."""
    if Path(name).suffix.lower() in {".ant", ".xml", ".sbml"}:
        return None
    from hepatica.errors import did_you_mean
    from hepatica.library import list_models
    from hepatica.study import find_study, load_study

    try:
        path = find_study(name)
    except NotFoundError as error:
        near = did_you_mean(name, list_models())
        raise NotFoundError(f"nothing to check is called '{name}'; give a model or a study.{near}") from error
    return load_study(path)


@app.command()
def show(
    name: Annotated[
        str,
        typer.Argument(help="A drug, cell line, tool, claim, source, table of measurements, model, or a part of one."),
    ],
    as_json: AsJson = False,
) -> None:
    """Say what a thing is, with its numbers and their sources."""
    from hepatica.library import describe, find, load_sources
    from hepatica.study import describe_claim, find_claim

    try:
        claim = find_claim(name)
    except NotFoundError:
        thing: object = find(name)
        text = describe(name)
    else:
        thing, text = claim, describe_claim(claim, load_sources())
    if as_json:
        _print_json(thing)
    else:
        typer.echo(text)


@app.command()
def cite(
    study: Annotated[str, typer.Argument(help="A study: its folder, its study.toml, or its name in ./studies.")],
    as_json: AsJson = False,
) -> None:
    """Print the sources of a study as BibTeX."""
    from hepatica.evidence import cite as bibtex
    from hepatica.study import load_study, study_sources

    sources = study_sources(load_study(study))
    if as_json:
        _print_json(sources)
    else:
        typer.echo(bibtex(sources), nl=False)


def _print_json(value: object) -> None:
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


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show progress on stderr: bars with the time left on a terminal, else a line at each tenth.

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


def _plain_progress() -> Progress:
    shown: dict[str, int] = {}

    def show_line(stage: str, done: int, total: int) -> None:
        tenth = 10 * done // max(total, 1)
        if tenth > shown.get(stage, 0):
            shown[stage] = tenth
            sys.stderr.write(f"{stage}: {done} of {total} ({100 * done // max(total, 1)} %)\n")
            sys.stderr.flush()

    return show_line


def _print_result(result: "StudyResult") -> None:
    """Print the screening in one line and the claims as a table."""
    from rich.console import Console
    from rich.table import Table

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
            _verdict(together[line], before.get((claim.id, "all", line))) if line in together else "" for line in lines
        ]
        table.add_row(claim.id, claim.text, claim.kind, *cells)
    console.print(table)


def _verdict(verdict: "Verdict", before: "Verdict | None" = None) -> str:
    if verdict.n == 0:
        return f"{verdict.outcome} (no draw can tell)"
    prior = "" if before is None or not before.n else f"; before the data {before.probability:.3f}"
    return f"{verdict.outcome} (P {verdict.probability:.3f} ± {verdict.error:.3f}{prior})"
