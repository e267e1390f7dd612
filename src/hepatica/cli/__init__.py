"""The command line: each command calls one public function and shows what it gives.

Heavy rooms are imported inside the commands, so that ``--help`` and ``--version`` answer at once.
"""

from hepatica.cli import checks, fits, runs, shows  # each adds its commands, in the order of --help
from hepatica.cli.app import app, main

__all__ = ["app", "checks", "fits", "main", "runs", "shows"]
