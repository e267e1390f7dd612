"""Commands that simulate: run, simulate."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from hepatica.cli.app import INTERRUPTED, AsJson, app
from hepatica.cli.screen import print_json, print_result, show_progress
from hepatica.errors import InputError


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
        with show_progress() as progress:
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
        print_json({**as_data(result), "report": str(report)})
        return
    print_result(result)
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
        with show_progress() as progress:
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
