"""Commands that fit: fit, report."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from hepatica.cli.app import INTERRUPTED, app
from hepatica.cli.screen import show_progress

DRAWS = 2000


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
    journal: Annotated[
        Path | None,
        typer.Option(help="Folder of the journals, such as one on a local disk; OUT/journal when not given."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted fit, or add starts to it.")
    ] = False,
    sample: Annotated[bool, typer.Option("--sample", help="Then draw from the posterior: posterior.nc.")] = False,
    draws: Annotated[
        int | None, typer.Option(help="Draws from the posterior, at least; 2000, or 128 without each data set.")
    ] = None,
    profiles: Annotated[bool, typer.Option("--profile", help="Profile every parameter around the best fit.")] = False,
    without: Annotated[
        list[str] | None, typer.Option(help="A data set that a calibration leaves out; may be given again.")
    ] = None,
    each_without: Annotated[
        Path | None,
        typer.Option(
            help="Sample a calibration again without each data set in turn, near the finished one in this folder."
        ),
    ] = None,
    petab: Annotated[
        Path | None, typer.Option(help="Only write the problem of a calibration as PEtab into this folder.")
    ] = None,
) -> None:
    """Fit a PEtab problem from many starting points, and write a report; or fit and sample a calibration."""
    if (problem / "calibration.toml").is_file() or problem.name == "calibration.toml":
        left = tuple(without or ())
        if each_without is None:
            _fit_calibration(
                problem, out, journal, starts or 4, seed, draws or DRAWS, threads, left, petab, resume=resume
            )
        else:
            _fit_without_each(problem, each_without, out, journal, seed, draws, threads, left, resume=resume)
        return
    from hepatica.inference.diagnose import check_samples, describe_samples
    from hepatica.inference.fitting import describe_fit, fit_petab, profile_petab
    from hepatica.inference.sampling import sample_petab
    from hepatica.simulation.setup import workers
    from hepatica.solver import Tolerances

    folder = _results(out or Path("results") / problem.stem, journal)
    tolerances = None if rtol is None else Tolerances(rtol=rtol)
    try:
        with show_progress() as progress:
            found = fit_petab(
                problem, folder, starts=starts or 100, seed=seed, threads=workers(threads), tolerances=tolerances, resume=resume,
                progress=lambda done, total: progress("starts", done, total), command=_command(),
            )  # fmt: skip
            fitted = bool(found["objective"].notnull().any())
            if profiles and fitted:
                profile_petab(
                    problem, folder, threads=workers(threads), tolerances=tolerances,
                    progress=lambda done, total: progress("profiles", done, total),
                )  # fmt: skip
            drawn = None if not sample else sample_petab(
                problem, folder, draws=draws or DRAWS, seed=seed, threads=workers(threads), tolerances=tolerances, resume=resume,
                progress=lambda done, total: progress("sampling, % of a chain", done, total),
            )  # fmt: skip
    except KeyboardInterrupt:
        raise _interrupted() from None
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


def _results(folder: Path, journal: Path | None) -> Path:
    """Give the folder of the results, after its journals have been put where they are wanted."""
    from hepatica.inference.places import place_journal

    if journal is not None:
        place_journal(folder, journal)
    return folder


def _fit_calibration(
    place: Path, out: Path | None, journal: Path | None, starts: int, seed: int, draws: int, threads: int | None,
    without: tuple[str, ...], petab: Path | None, *, resume: bool,
) -> None:  # fmt: skip
    """Fit and sample a calibration, or write it as PEtab."""
    from hepatica.calibration import read_calibration
    from hepatica.calibration.export import export_petab
    from hepatica.calibration.run import calibrate, describe_calibrated
    from hepatica.inference.diagnose import check_samples
    from hepatica.report import write_calibration_report
    from hepatica.simulation.setup import workers

    calibration = read_calibration(place)
    if petab is not None:
        typer.echo(str(export_petab(calibration.of("fit", without=without), petab)))
        return
    folder = _results(out or Path("results") / calibration.id, journal)
    try:
        with show_progress() as progress:
            found = calibrate(
                calibration, folder, draws=draws, starts=starts, seed=seed, threads=workers(threads), without=without, resume=resume,
                progress=progress, command=_command(),
            )  # fmt: skip
    except KeyboardInterrupt:
        raise _interrupted() from None
    for line in describe_calibrated(found):
        typer.echo(line)
    typer.echo(str(folder / "ensemble.nc"))
    typer.echo(str(write_calibration_report(folder)))
    if check_samples(found.samples):
        raise typer.Exit(1)


def _fit_without_each(
    place: Path, near: Path, out: Path | None, journal: Path | None, seed: int, draws: int | None, threads: int | None,
    without: tuple[str, ...], *, resume: bool,
) -> None:  # fmt: skip
    """Sample a calibration without each of its data sets in turn."""
    from hepatica.calibration import read_calibration
    from hepatica.calibration.left_out import DRAWS as EACH
    from hepatica.calibration.left_out import calibrate_without_each
    from hepatica.simulation.setup import workers

    folder = _results(out or near, journal)
    try:
        with show_progress() as progress:
            calibrate_without_each(
                read_calibration(place), near, folder, draws=draws or EACH, seed=seed, threads=workers(threads), without=without,
                resume=resume, progress=progress, command=_command(),
            )  # fmt: skip
    except KeyboardInterrupt:
        raise _interrupted() from None
    typer.echo(str(folder / "left_out.nc"))


def _command() -> str:
    """Give the command of a run; one that was stopped and went on gives the same as one that was not."""
    return shlex.join(["hepatica", *(a for a in sys.argv[1:] if a != "--resume")])


def _interrupted() -> typer.Exit:
    """Say how to go on."""
    sys.stderr.write(f"hepatica: interrupted; nothing is lost. Continue with: {_command()} --resume\n")
    return typer.Exit(INTERRUPTED)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a fit or a calibration, also of one that is running.")],
    threads: Annotated[int | None, typer.Option(help="Worker threads; all cores when not given.")] = None,
) -> None:
    """Write the report of a fit or a calibration anew; of one that is running, what it has found so far."""
    from hepatica.report import is_calibration, write_calibration_report, write_fit_report
    from hepatica.simulation.setup import workers

    if is_calibration(folder):
        typer.echo(str(write_calibration_report(folder)))
        return
    typer.echo(str(write_fit_report(folder, threads=workers(threads))))
