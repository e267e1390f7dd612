"""The application that the commands join, and the way it ends."""

import sys
from typing import Annotated

import typer

from hepatica.errors import HepaticaError

INTERRUPTED = 130

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
