"""Every exception of hepatica.

::

    HepaticaError
    ├── InputError            what the user gave cannot be used (exit code 2)
    │   ├── UnitError         a quantity without, or with a wrong, unit
    │   ├── NotFoundError     a name that nothing answers to (with near names)
    │   ├── FormatError       a file that cannot be read as what it should be (with file and line)
    │   ├── ModelError        a model that is inconsistent
    │   ├── UnsupportedError  a valid thing that hepatica does not do yet, by name
    │   └── HostileFileError  a file refused before any parser saw it
    ├── StorageError          reading or writing failed (exit code 2)
    └── ComputationError      the computation itself could not be carried out (exit code 1)
"""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches


class HepaticaError(Exception):
    """Root of all errors that hepatica raises on purpose; its text is one sentence for the user."""

    exit_code = 1


class InputError(HepaticaError):
    """What the user gave cannot be used."""

    exit_code = 2


class UnitError(InputError):
    """A quantity without a unit, or with a unit of the wrong dimension."""


class NotFoundError(InputError):
    """A name that nothing answers to."""


class FormatError(InputError):
    """A file that cannot be read as what it should be."""


class ModelError(InputError):
    """A model that contradicts itself."""


class UnsupportedError(InputError):
    """A valid construct that hepatica does not support, named."""


class HostileFileError(InputError):
    """A file refused before any parser saw it."""


class StorageError(HepaticaError):
    """Reading or writing a file failed."""

    exit_code = 2


class ComputationError(HepaticaError):
    """The computation could not be carried out."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Give the tail of an error message that names what is near.

    Parameters
    ----------
    name
        What came.
    known
        What would have been accepted.

    Returns
    -------
    str
        ``" Did you mean 'pMEK'?"``, or the known names when they are few, or nothing.

    Examples
    --------
    >>> did_you_mean("pMEKK", ["pMEK", "pERK", "pAKT"])
    " Did you mean 'pMEK'?"
    """
    names = sorted(set(known))
    near = _near(name, names)
    if not near:
        lower = {n.lower(): n for n in names}
        near = [lower[n] for n in _near(name.lower(), list(lower))]
    if near:
        return " Did you mean " + " or ".join(f"'{n}'" for n in near) + "?"
    if 0 < len(names) <= 12:
        return " Known: " + ", ".join(names) + "."
    return ""


def _near(name: str, names: list[str]) -> list[str]:
    """Give up to three names that are near, leaving out those that are much farther than the nearest."""
    near = get_close_matches(name, names, n=3, cutoff=0.6)
    likeness = [SequenceMatcher(None, n, name).ratio() for n in near]
    return [n for n, ratio in zip(near, likeness, strict=True) if ratio > likeness[0] - 0.15]
