"""The command that finds faults: check."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hepatica.cli.app import AsJson, app
from hepatica.cli.screen import issue_lines, print_json
from hepatica.errors import NotFoundError

if TYPE_CHECKING:
    from hepatica.agreement import Agreement
    from hepatica.model import Model
    from hepatica.study import Study


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
        print_json(data)
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
        for line in issue_lines(issues):
            typer.echo(line)
    if failed:
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
        print_json({"id": found.id, "parameters": parameters, "wirings": list(found.wirings), "measurements": counts})
        return
    typer.echo(
        f"calibration {found.id}: {parameters} parameters, {len(found.wirings)} wirings, {len(found.lines)} cell lines"
    )
    for role, sets in counts.items():
        typer.echo(f"{role}: {sum(sets.values())} measurements ({', '.join(f'{g} {n}' for g, n in sets.items())})")
    typer.echo("no issues")


def _check_petab(name: str, *, as_json: bool) -> None:
    """Say what is wrong in a PEtab problem."""
    from hepatica.inference import check_petab

    issues = check_petab(name)
    if as_json:
        print_json({"problem": name, "issues": issues})
    else:
        typer.echo(f"PEtab problem {name}")
        for line in issue_lines(issues):
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
        print_json({"sentence": agreement.sentence, "agree": agreement.agree} | asdict(agreement))
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
