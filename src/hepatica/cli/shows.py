"""Commands that tell what is known: show, cite."""

from typing import Annotated

import typer

from hepatica.cli.app import AsJson, app
from hepatica.cli.screen import print_json
from hepatica.errors import NotFoundError


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
        print_json(thing)
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
        print_json(sources)
    else:
        typer.echo(bibtex(sources), nl=False)
