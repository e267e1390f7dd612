"""PEtab problems in; its library takes a second to import, and is imported where it is needed."""

from pathlib import Path

from hepatica.errors import UnsupportedError
from hepatica.inference.files import read_yaml, required
from hepatica.inference.problem import Problem
from hepatica.model import Issue


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
    # PEtab's library takes a second to import
    from hepatica.inference.petab_v1 import read_petab_v1
    from hepatica.inference.petab_v2 import read_petab_v2

    path = Path(file)
    settings = read_yaml(path)
    version = str(required(settings, "format_version", path))
    readers = {"1": read_petab_v1, "2": read_petab_v2}
    major = version.split(".")[0]
    if major not in readers:
        raise UnsupportedError(f"{path}: PEtab version {version}; hepatica reads versions 1 and 2.")
    return readers[major](path, settings)


def check_petab(file: str | Path) -> tuple[Issue, ...]:
    """Give everything that is wrong in a PEtab problem.

    The linter of PEtab's library sees a problem only after hepatica has read it: its model went through the sandbox then.

    Parameters
    ----------
    file
        Its YAML file.

    Raises
    ------
    HostileFileError, NotFoundError
        When a file is refused, or the YAML file is not there.
    """
    from hepatica.inference.check import check_files

    return check_files(Path(file))
