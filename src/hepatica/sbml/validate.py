"""libSBML's own opinion of an SBML text."""

from typing import Literal

import libsbml

from hepatica.model.issue import Issue
from hepatica.sbml.guard import guard_xml


def validate_sbml(text: str, name: str = "SBML text") -> tuple[Issue, ...]:
    """Give what libSBML's consistency checks find, units included.

    Parameters
    ----------
    text
        SBML.
    name
        What to call it in the issues.

    Raises
    ------
    HostileFileError, FormatError
        When it is refused before libSBML sees it.
    """
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
