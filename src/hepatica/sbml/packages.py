"""Which SBML packages a document uses, and which of them it cannot be read without."""

import re
from collections.abc import Callable
from typing import Any
from xml.parsers import expat

import libsbml

from hepatica.errors import FormatError, UnsupportedError

_URI = re.compile(r"http://www\.sbml\.org/sbml/level3/version\d+/(\w+)/version\d+")
_NOT_HERE = re.compile(r"The L3 package '[^']*' cannot be used in this document")
READ = frozenset({"comp", "l3v2extendedmath"})
"""Required packages that are read: hierarchical models, and the mathematics that Level 3 Version 2 has anyway."""


def used_packages(text: str) -> dict[str, bool]:
    """Give the Level 3 packages that the root element names, and whether a reader must know them.

    Parameters
    ----------
    text
        Well-formed SBML.

    Returns
    -------
    dict
        ``{package: required}``; a package with an address outside sbml.org goes by that address.

    Examples
    --------
    >>> used_packages('<sbml xmlns:c="http://www.sbml.org/sbml/level3/version1/comp/version1" c:required="true"/>')
    {'comp': True}
    """
    found: dict[str, bool] = {}
    parser = expat.ParserCreate("utf-8", " ")

    def start(_tag: str, attributes: dict[str, str]) -> None:
        for key, value in attributes.items():
            address, _, name = key.rpartition(" ")
            if address and name == "required":
                match = _URI.fullmatch(address)
                found[match[1] if match else address] = value.strip() in {"true", "1"}
        parser.StartElementHandler = None

    parser.StartElementHandler = start
    parser.Parse(text.encode("utf-8", errors="surrogatepass"), True)  # noqa: FBT003 (expat takes no keyword)
    return found


def refuse_required(text: str, name: str) -> dict[str, bool]:
    """Raise for the first package without which the model means something else, and which hepatica does not read.

    Raises
    ------
    UnsupportedError
        Names the package.
    """
    packages = used_packages(text)
    for package, required in packages.items():
        if required and package not in READ:
            raise UnsupportedError(
                f"{name}: the SBML package '{package}' is required by the model and not supported; "
                "give a model that does without."
            )
    return packages


def parse_sbml(text: str, where: Callable[[int], str]) -> Any:
    """Read guarded SBML text with libSBML; packages that may be ignored cannot make it fail.

    Parameters
    ----------
    text
        SBML that the guard has let through.
    where
        Gives ``file:line`` of a line; of line 0 the file.

    Returns
    -------
    libsbml.SBMLDocument

    Raises
    ------
    UnsupportedError
        Level 1.
    FormatError
        What libSBML finds wrong, with its line.
    """
    if not text.startswith("<?xml"):  # libSBML would add one, and a line, and then count the lines with it
        text = f'<?xml version="1.0" encoding="UTF-8"?>{text.lstrip()}'
    document = libsbml.readSBMLFromString(text)
    if document.getLevel() == 1:
        raise UnsupportedError(f"{where(0)}: SBML Level 1 is not supported; convert it to Level 3.")
    ignored = {package for package, required in used_packages(text).items() if not required} - READ
    for error in errors_of(document):
        if error.getPackage() in ignored or _NOT_HERE.search(error.getMessage()):
            continue
        raise FormatError(f"{where(error.getLine())}: not valid SBML: {reason_of(error)}.")
    return document


def errors_of(document: Any) -> list[Any]:
    """Give the errors, not the warnings, of a document's log."""
    errors = (document.getError(i) for i in range(document.getNumErrors()))
    return [e for e in errors if e.getSeverity() >= libsbml.LIBSBML_SEV_ERROR]


def reason_of(error: Any) -> str:
    """Give the last line of libSBML's message: the one that speaks of this document."""
    lines = [line.strip() for line in error.getMessage().splitlines() if line.strip()]
    return str(lines[-1] if lines else error.getShortMessage()).removesuffix(".")


def refuse_flux_balance(document: Any, name: str) -> None:
    """Raise for a model that is a linear program: objectives of the package 'fbc', and no reaction with a rate.

    Raises
    ------
    UnsupportedError
        Names the objective.
    """
    model = document.getModel()
    plugin = model.getPlugin("fbc")
    if plugin is None or not plugin.getNumObjectives():
        return
    if any(r.isSetKineticLaw() for r in model.getListOfReactions()):
        return
    objective = plugin.getObjective(0)
    raise UnsupportedError(
        f"{name}:{objective.getLine()}: objective '{objective.getId()}' makes this a flux-balance model "
        "(package 'fbc'), a linear program without time; it is not supported."
    )
