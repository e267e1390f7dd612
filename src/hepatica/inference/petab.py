"""PEtab problems in."""

from pathlib import Path

from hepatica.errors import UnsupportedError
from hepatica.inference.files import read_yaml, required
from hepatica.inference.problem import Problem


def read_petab(file: str | Path) -> Problem:
    """Read a PEtab problem.

    Parameters
    ----------
    file
        Its YAML file.

    Raises
    ------
    InputError
        When a file is missing, hostile, or not as PEtab has it, or the problem needs what hepatica does not do.
    """
    from hepatica.inference.petab_v1 import read_petab_v1  # PEtab's library takes a second to import

    path = Path(file)
    settings = read_yaml(path)
    version = str(required(settings, "format_version", path))
    if version.split(".")[0] != "1":
        raise UnsupportedError(f"{path}: PEtab version {version}; hepatica reads version 1.")
    return read_petab_v1(path, settings)
