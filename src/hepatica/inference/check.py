"""What is wrong in a PEtab problem: what hepatica cannot use of it, and what the linter of PEtab's library finds."""

import logging
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import petab.v1
from petab import v2
from petab.v1.models.sbml_model import SbmlModel
from petab.v2.lint import CheckProblemConfig, ValidationIssueSeverity, default_validation_tasks

from hepatica.errors import HostileFileError, InputError
from hepatica.inference.files import read_yaml, required
from hepatica.inference.fitted import fitted
from hepatica.inference.formula import LONGEST
from hepatica.inference.petab import read_petab
from hepatica.inference.petab_v1 import parts_of_v1
from hepatica.inference.petab_v2 import parts_of_v2
from hepatica.model import Issue
from hepatica.sbml.guard import read_text

ODD = (ValueError, TypeError, KeyError, AttributeError, AssertionError, IndexError, NotImplementedError)
"""What the library raises at tables that are not as it expects."""


def check_files(path: Path) -> tuple[Issue, ...]:
    """Give everything that is wrong in a problem; see :func:`~hepatica.inference.petab.check_petab`."""
    settings = read_yaml(path)
    try:
        fitted(read_petab(path))
        major = str(required(settings, "format_version", path)).split(".")[0]
        model, tables = (parts_of_v1 if major == "1" else parts_of_v2)(path, settings)
    except HostileFileError:
        raise
    except InputError as error:
        return (Issue(severity="error", where=path.name, message=_sentence(str(error))),)
    for kind, table in tables.items():
        for column in table:
            if table[column].map(lambda cell: isinstance(cell, str) and len(cell) > LONGEST).any():
                raise HostileFileError(
                    f"{path}: refused because a cell of the {kind} table has more than {LONGEST:,} characters."
                )
    sbml = SbmlModel.from_string(read_text(model))
    return _lint_v1(sbml, tables, path.name) if major == "1" else _lint_v2(sbml, tables, path.name)


def _sentence(text: str) -> str:
    """Put a message on one line, with a full stop."""
    line = " ".join(text.split())
    return line if line.endswith((".", "?", "!")) else f"{line}."


class _Listener(logging.Handler):
    """Takes what the linter of version 1 reports, which it does to a logger."""

    def __init__(self, where: str) -> None:
        super().__init__(logging.WARNING)
        self.where, self.issues = where, list[Issue]()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text != "Not OK" and not text.endswith("Skipping."):
            severity = "error" if record.levelno >= logging.ERROR else "warning"
            self.issues.append(Issue(severity=severity, where=self.where, message=_sentence(text)))  # type: ignore[arg-type]


def _lint_v1(model: SbmlModel, tables: Mapping[str, pd.DataFrame], where: str) -> tuple[Issue, ...]:
    listener, logger = _Listener(where), logging.getLogger("petab.v1")
    propagates = logger.propagate
    logger.addHandler(listener)
    logger.propagate = False
    try:
        petab.v1.lint_problem(petab.v1.Problem(model=model, **{f"{kind}_df": table for kind, table in tables.items()}))
    except ODD as error:
        listener.issues.append(
            Issue(severity="error", where=where, message=_sentence(f"PEtab's linter stops: {error}"))
        )
    finally:
        logger.removeHandler(listener)
        logger.propagate = propagates
    return tuple(listener.issues)


def _lint_v2(model: SbmlModel, tables: Mapping[str, pd.DataFrame], where: str) -> tuple[Issue, ...]:
    kinds = {
        "parameter": v2.ParameterTable, "observable": v2.ObservableTable, "measurement": v2.MeasurementTable,
        "condition": v2.ConditionTable, "experiment": v2.ExperimentTable, "mapping": v2.MappingTable,
    }  # fmt: skip
    made, issues = {}, list[Issue]()
    for kind, table in tables.items():
        try:
            made[f"{kind}_tables"] = [kinds[kind].from_df(table.copy())]
        except ODD as error:
            lines = [line.strip() for line in str(error).splitlines()]
            text = f"the {kind} table: {' '.join(lines[1:3]) if len(lines) > 2 else ' '.join(lines)}"
            issues.append(Issue(severity="error", where=where, message=_sentence(text)))
    if issues:
        return tuple(issues)
    tasks = [task for task in default_validation_tasks if not isinstance(task, CheckProblemConfig)]
    try:
        found = v2.Problem(models=[model], **made).validate(tasks)
    except ODD as error:
        return (Issue(severity="error", where=where, message=_sentence(f"PEtab's linter stops: {error}")),)
    for result in found:
        severity = "error" if result.level >= ValidationIssueSeverity.ERROR else "warning"
        issues.append(Issue(severity=severity, where=where, message=_sentence(result.message)))  # type: ignore[arg-type]
    return tuple(issues)
