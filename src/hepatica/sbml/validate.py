"""libSBML's own opinion of an SBML text."""

from typing import Literal

import libsbml

from hepatica.model.issue import Issue
from hepatica.sandbox import run
from hepatica.sbml.guard import guard_xml


def validate_sbml(text: str, name: str = "SBML text") -> tuple[Issue, ...]:
    """Give what libSBML's consistency checks find, units included, in a child process with limits.

    Parameters
    ----------
    text
        SBML.
    name
        What to call it in the issues.

    Raises
    ------
    HostileFileError, FormatError
        When it is refused before libSBML sees it; or libSBML crashes, or takes more time or memory than allowed.
    """
    data = text.encode("utf-8", errors="surrogatepass")
    found, _ = run("validate_sbml", {"name": name}, data, subject=name, doing="validating")
    return tuple(Issue(severity=severity, where=where, message=message) for severity, where, message in found)


def validate_here(text: str, name: str) -> tuple[Issue, ...]:
    """Give what :func:`validate_sbml` gives, found in this process."""
    guard_xml(text, name)
    document = libsbml.readSBMLFromString(text)
    document.checkConsistency()
    issues = []
    for i in range(document.getNumErrors()):
        error = document.getError(i)
        severity: Literal["error", "warning"] = (
            "error" if error.getSeverity() >= libsbml.LIBSBML_SEV_ERROR else "warning"
        )
        message = " ".join(error.getMessage().split())
        issues.append(Issue(severity=severity, where=f"{name}:{error.getLine()}", message=message))
    return tuple(sorted(issues, key=lambda issue: issue.severity))
