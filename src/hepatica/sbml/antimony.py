"""Antimony in and out."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import antimony

from hepatica.errors import FormatError, InputError, ModelError, UnitError, did_you_mean
from hepatica.evidence import Evidence, Source
from hepatica.model.codec import to_json
from hepatica.model.expression import symbols
from hepatica.model.network import Model, Parameter, Prior
from hepatica.sandbox import run
from hepatica.sbml.annotation import make_prior
from hepatica.sbml.apart import read_apart
from hepatica.sbml.guard import guard_antimony, read_text
from hepatica.sbml.read import Place, read_document
from hepatica.sbml.source import MAX_CHAIN, Scan, chain_lengths, scan_antimony
from hepatica.sbml.units import to_parts
from hepatica.sbml.write import to_plain_sbml, write_text
from hepatica.units import check_unit

if TYPE_CHECKING:  # a slow import that readers of files do without
    import pandas as pd

_ONE_AT_A_TIME = Lock()  # libAntimony keeps what it read in the process
_LINE = re.compile(r"^(?:Error in model string, )?line (\d+):\s*", re.IGNORECASE)
MAX_QUOTE = 300
_COLUMNS = ("parameterId", "nominalValue", "unit")


def read_antimony(path: Path | str | None = None, *, text: str | None = None) -> Model:
    """Read a model in Antimony, in a child process with limits.

    Parameters
    ----------
    path
        The file; or give ``text``.
    text
        The text itself.

    Returns
    -------
    Model
        Complete and consistent; ``origin`` holds ``file:line`` of every element.

    Raises
    ------
    FormatError
        What Antimony cannot read, with file and line.
    ModelError
        Names that are used but never declared (Antimony itself would make them up), names given twice, and every
        contradiction that :func:`read_sbml` finds.
    UnsupportedError, HostileFileError
        As :func:`read_sbml`; also ``import`` and more than one model.

    Examples
    --------
    >>> read_antimony(text="species A; A = 1; decay: A => ; k*A; k = 0.1").reactions[0].id
    'decay'
    """
    if (path is None) == (text is None):
        raise InputError("give read_antimony either a path or a text.")
    name = "Antimony text" if path is None else Path(path).name
    content = read_text(Path(path)) if path is not None else text or ""
    return read_apart("read_antimony", content, name)


def read_text_here(text: str, name: str) -> Model:
    """Read an Antimony text in this process."""
    guard_antimony(text, name)
    return _read([(name, text)], name)


def assemble(
    model_id: str,
    modules: Sequence[tuple[str, str]],
    parameters: "pd.DataFrame | Iterable[Mapping[str, Any]]",
    *,
    name: str = "",
    sources: Sequence[Source] = (),
    parameters_name: str = "parameters.tsv",
) -> Model:
    """Make one model of Antimony modules and a parameter table.

    Parameters
    ----------
    model_id, name
        Id and readable name of the model.
    modules
        (file name, text) in the order in which they are joined; statements only, no ``model ... end``.
    parameters
        Rows with the columns of a PEtab parameter table (``parameterId``, ``nominalValue``, ``parameterName``,
        ``lowerBound``, ``upperBound``, ``objectivePriorType``, ``objectivePriorParameters``) and ``unit``, ``basis``,
        ``source``, ``note``; empty cells where nothing is known.
    sources
        The literature record that the rows' sources point to.
    parameters_name
        File name of the table, for error messages.

    Returns
    -------
    Model
        Every parameter with its unit, prior, bounds and evidence. A row that nothing uses stays and is found by
        :func:`hepatica.model.check_model`.

    Raises
    ------
    ModelError
        ``ras_erk.ant:41: no species 'pMEKK'. Did you mean 'pMEK'?``; a name without a row; a row for a species; a name
        that is given both in a module and in the table.
    FormatError
        A cell that cannot be read, with file and line.
    """
    for file, text in modules:
        guard_antimony(text, file)
        if scan_antimony([(file, text)]).block_end:
            raise ModelError(f"{file}: a module holds statements only; remove its 'model' and 'end' lines.")
    to_dict: Any = getattr(parameters, "to_dict", None)
    rows: list[Mapping[str, Any]] = list(parameters) if to_dict is None else to_dict("records")  # type: ignore[arg-type]
    cells = [{str(k): "" if v is None or v != v else str(v).strip() for k, v in row.items()} for row in rows]
    made: dict[str, Parameter] = {}
    for number, row in enumerate(cells, start=2):
        parameter = _parameter(row, f"{parameters_name}:{number}")
        if parameter.id in made:
            raise ModelError(f"{parameters_name}:{number}: parameter '{parameter.id}' has two rows; keep one.")
        made[parameter.id] = parameter
    table = "\n".join(["", *(f"{p.id} = {p.value!r};" for p in made.values())])
    model = _read([*modules, (parameters_name, table)], model_id)
    known = {p.id for p in model.parameters}
    for number, key in enumerate(made, start=2):
        if key not in known:
            raise ModelError(
                f"{parameters_name}:{number}: '{key}' is no parameter of the model but a species or compartment."
            )
    return replace(
        model,
        id=model_id,
        name=name,
        parameters=tuple(_joined(p, made) for p in model.parameters),
        sources=tuple(sources),
    )


def _joined(parameter: Parameter, made: Mapping[str, Parameter]) -> Parameter:
    row = made.get(parameter.id)
    if row is None:
        return parameter
    return replace(row, name=row.name or parameter.name, constant=parameter.constant, annotations=parameter.annotations)


def _read(parts: Sequence[tuple[str, str]], name: str) -> Model:
    scan = scan_antimony(parts)
    text = "\n".join(text for _, text in parts)
    lines = [(file, i) for file, part in parts for i in range(1, part.count("\n") + 2)]
    head = scan.block_end
    sbml = _to_sbml(f"{text[:head]} {_missing_units(scan)} {text[head:]}", lines)
    return read_document(sbml, Place(name=name, lines=scan.lines, declared=scan.declared))


def _missing_units(scan: Scan) -> str:
    """Give definitions, on one line, of units that are used after ``has``, are not defined, and have a name in pint."""
    out = []
    for name in sorted(scan.units_used - scan.units_defined):
        try:
            parts = to_parts(name)
        except UnitError as error:
            raise UnitError(
                f"{scan.lines[name]}: the unit '{name}' is not defined; define it with 'unit {name} = ...'."
            ) from error
        formula = " * ".join(f"({p.multiplier * 10.0**p.scale!r} {p.kind})^{p.exponent:g}" for p in parts)
        out.append(f"unit {name} = {formula};")
    return " ".join(out)


def _to_sbml(text: str, lines: Sequence[tuple[str, int]]) -> str:
    with _ONE_AT_A_TIME:
        antimony.clearPreviousLoads()
        try:
            if antimony.loadAntimonyString(text) < 0:
                raise FormatError(_located(antimony.getLastError(), lines))
            sbml = antimony.getSBMLString(antimony.getMainModuleName())
        except UnicodeDecodeError as error:  # a message that libAntimony cut inside a letter
            raise FormatError(f"{lines[0][0]}: Antimony cannot read this.") from error
        finally:
            antimony.clearPreviousLoads()
    if not sbml:
        raise FormatError(f"{lines[0][0]}: Antimony gives no model.")
    return str(sbml)


def _located(message: str | None, lines: Sequence[tuple[str, int]]) -> str:
    text = " ".join((message or "no reason given").split())
    match = _LINE.match(text)
    where = lines[0][0]
    if match:
        file, number = lines[min(max(int(match[1]), 1), len(lines)) - 1]
        where, text = f"{file}:{number}", text[match.end() :]
    if len(text) > MAX_QUOTE:
        text = f"{text[: MAX_QUOTE // 2]} ... {text[-MAX_QUOTE // 2 :]}"
    return f"{where}: Antimony cannot read this: {text.removesuffix('.')}."


def _parameter(row: Mapping[str, str], where: str) -> Parameter:
    """Give the parameter of one row; ``where`` is ``file:line``."""
    for column in _COLUMNS:
        if not row.get(column):
            hint = did_you_mean(column, row) if column not in row else ""
            raise FormatError(f"{where}: no '{column}'; every row needs {', '.join(_COLUMNS)}.{hint}")
    key = row["parameterId"]
    if not re.fullmatch(r"[A-Za-z_]\w*", key, flags=re.ASCII):
        raise FormatError(f"{where}: '{key}' is not an id; use letters, digits and '_'.")
    try:
        check_unit(row["unit"])
        return Parameter(
            id=key,
            value=_number(row, "nominalValue"),
            unit=row["unit"],
            name=row.get("parameterName", ""),
            prior=_prior(row),
            bounds=_bounds(row),
            evidence=_evidence(row),
        )
    except InputError as error:
        raise type(error)(f"{where}: '{key}': {error}") from error


def _number(row: Mapping[str, str], column: str) -> float:
    try:
        return float(row[column])
    except ValueError as error:
        raise FormatError(f"{column} is '{row[column]}'; expected a number.") from error


def _bounds(row: Mapping[str, str]) -> tuple[float, float] | None:
    given = [bool(row.get(column)) for column in ("lowerBound", "upperBound")]
    if not any(given):
        return None
    if not all(given):
        raise FormatError("lowerBound and upperBound go together; give both or none.")
    return _number(row, "lowerBound"), _number(row, "upperBound")


def _prior(row: Mapping[str, str]) -> Prior | None:
    distribution = row.get("objectivePriorType", "")
    if not distribution:
        return None
    text = row.get("objectivePriorParameters", "")
    try:
        first, second = (float(part) for part in text.split(";"))
    except ValueError as error:
        raise FormatError(f"objectivePriorParameters is '{text}'; expected two numbers such as '-2.3;0.5'.") from error
    return make_prior(distribution, (first, second))


def _evidence(row: Mapping[str, str]) -> Evidence | None:
    basis, source = row.get("basis", ""), row.get("source", "")
    if not basis and not source:
        return None
    return Evidence(basis=basis, source=source, note=row.get("note", ""))  # type: ignore[arg-type]


def write_antimony(model: Model, path: Path | str | None = None) -> str:
    """Write a model as Antimony; a foreign one in a child process with limits.

    Parameters
    ----------
    model
        What to write.
    path
        Where to; nothing is written when absent.

    Returns
    -------
    str
        The text. Antimony keeps 15 digits of a number, and neither evidence nor priors.

    Raises
    ------
    ModelError
        When Antimony cannot say it.
    HostileFileError
        When libAntimony crashes on a model from a foreign file, or takes more time or memory than allowed.
    StorageError
        When the file cannot be written.
    """
    if model.foreign:
        _, data = run("write_antimony", {}, to_json(model), subject=f"model '{model.id}'", doing="writing")
        text = data.decode()
    else:
        text = write_here(model)
    if path is not None:
        write_text(Path(path), text)
    return text


def write_here(model: Model) -> str:
    """Give a model as Antimony, in this process."""
    needs = {p.id: frozenset[str]() for p in model.parameters}  # their values count as formulas, as in reading
    needs |= {r.variable: symbols(r.expression) for r in model.rules if r.kind == "assignment"}
    for key, length in chain_lengths(needs):
        if length > MAX_CHAIN:
            raise ModelError(
                f"model '{model.id}' cannot be written as Antimony, which takes minutes where more than {MAX_CHAIN} formulas "
                f"build on one another, as up to '{key}'; write it as SBML."
            )
    with _ONE_AT_A_TIME:
        antimony.clearPreviousLoads()
        try:
            if antimony.loadSBMLString(to_plain_sbml(model)) < 0:
                raise ModelError(f"model '{model.id}' cannot be written as Antimony: {antimony.getLastError()}")
            return str(antimony.getAntimonyString(antimony.getMainModuleName()))
        finally:
            antimony.clearPreviousLoads()
