"""Things of the library in words, with their values, units and sources."""

import math
from collections.abc import Iterable
from textwrap import fill

from hepatica.ensemble import Wiring
from hepatica.errors import NotFoundError, did_you_mean
from hepatica.evidence import Evidence, Source
from hepatica.experiment import CellLine, Change, Intervention
from hepatica.library.load import (
    list_cell_lines,
    list_drugs,
    list_models,
    list_tools,
    load_cell_line,
    load_drug,
    load_model,
    load_sources,
    load_tool,
    load_wirings,
)
from hepatica.library.measured import Measurements, describe_measurements, list_measurements
from hepatica.library.parts import Part, parts_of
from hepatica.model import Parameter, Prior
from hepatica.pharmacology import Binding, Drug, Target

Thing = Drug | CellLine | Intervention | Measurements | Parameter | Source | Wiring | Part

_Z95 = 1.6448536269514722  # 95 % quantile of the standard normal
_VERBS = {"set": "set to", "scale": "times", "add": "plus", "infuse": "infused at"}


def find(name: str) -> Thing:
    """Give the thing that a name stands for.

    Parameters
    ----------
    name
        A drug, cell line or tool (also by alias), a table of measurements, a library model or its species, reactions, computed quantities,
        parameters and wirings, or the key of a source.

    Raises
    ------
    NotFoundError
        When nothing answers to the name; with near names.
    """
    for load in (load_drug, load_cell_line, load_tool, describe_measurements):
        try:
            return load(name)
        except NotFoundError:
            continue
    values: dict[str, Thing] = {s.key: s for s in reversed(load_sources())}
    for model in list_models():
        values |= {w.id: w for w in load_wirings(model)}
        loaded = load_model(model)
        values |= {p.id: p for p in loaded.parameters}
        values |= parts_of(loaded)
    if name not in values:
        known = {*values, *list_drugs(), *list_cell_lines(), *list_tools(), *list_measurements()}
        raise NotFoundError(f"nothing in the library is called '{name}'.{did_you_mean(name, known)}")
    return values[name]


def describe(thing: Thing | str) -> str:
    """Give a thing in words: what it is, its numbers with units, and the source of each.

    Parameters
    ----------
    thing
        A value of the library, or its name.

    Returns
    -------
    str
        Lines of plain text.

    Examples
    --------
    >>> print(describe(Source(key="x", reference="doi:10.1/x", title="On livers", authors="A et al.", year=2020)))
    x, source
      On livers. A et al., 2020. doi:10.1/x
    """
    found = find(thing) if isinstance(thing, str) else thing
    if isinstance(found, Drug):
        lines = _drug(found)
    elif isinstance(found, CellLine):
        lines = [f"{_title(found.id, found.name)}, cell line{_tail(found.refs)}", *_changes(found.changes)]
        lines += _note(found.note)
    elif isinstance(found, Intervention):
        lines = [f"{_title(found.id, found.name)}, tool", *_changes(found.changes), *_note(found.note)]
    elif isinstance(found, Measurements):
        lines = _measurements(found)
    elif isinstance(found, Parameter):
        lines = _parameter(found)
    elif isinstance(found, Part):
        lines = _part(found)
    elif isinstance(found, Wiring):
        lines = [f"{found.id}, wiring ({found.parameter} = 0 or 1)", _text(found.sentence)]
        lines += [f"  probability {found.probability:g}{_evidence(found.evidence)}"]
    else:
        lines = [f"{found.key}, source", _text(citation(found)), *_note(found.note)]
    return "\n".join(lines)


def citation(source: Source) -> str:
    """Give a source as one line: title, authors, journal, year, reference."""
    where = ", ".join(part for part in (source.authors, source.journal, str(source.year or "")) if part)
    ids = [source.reference]
    ids += [f"{kind}:{value}" for kind, value in (("doi", source.doi), ("pmid", source.pmid)) if value]
    ids += [source.pmcid] if source.pmcid else []
    return ". ".join(part for part in (source.title.rstrip("."), where, ", ".join(dict.fromkeys(ids))) if part)


def _title(identity: str, name: str) -> str:
    return f"{identity} ({name})" if name and name != identity else identity


def _tail(parts: Iterable[str]) -> str:
    return "".join(f", {part}" for part in parts if part)


def _text(text: str, indent: str = "  ") -> str:
    return fill(text, width=110, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _note(note: str) -> list[str]:
    return [_text(note)] if note else []


def _evidence(evidence: Evidence | None) -> str:
    if evidence is None:
        return ""
    note = f": {evidence.note}" if evidence.note else ""
    return f"  [{evidence.basis}, {evidence.source}]{note}"


def _sources(evidences: Iterable[Evidence | None]) -> list[str]:
    known = {s.key: s for s in load_sources()}
    keys = dict.fromkeys(e.source for e in evidences if e is not None)
    lines = [f"    {key}: {citation(known[key])}" for key in keys if key in known]
    return ["  sources", *lines] if lines else []


def _changes(changes: tuple[Change, ...]) -> list[str]:
    lines = [_change(change) for change in changes]
    return ["  changes" if changes else "  changes nothing", *lines, *_sources(c.evidence for c in changes)]


def _change(change: Change) -> str:
    value = _with_unit(f"{change.value:g}", change.unit)
    times = "" if change.start is None else f" from {change.start:g} min"
    times += "" if change.stop is None else f" to {change.stop:g} min"
    return f"    {change.target:<28} {_VERBS[change.how]} {value}{times}{_evidence(change.evidence)}"


def _drug(drug: Drug) -> list[str]:
    lines = [f"{_title(drug.id, drug.name)}, drug{_tail([drug.chebi])}"]
    lines += [f"  also called {', '.join(drug.aliases)}"] if drug.aliases else []
    lines.append(f"  given as {drug.parameter}, nominal concentration in the medium, {drug.unit}")
    lines += ["  targets", *(_target(t) for t in drug.targets)] if drug.targets else []
    lines += _binding(drug.binding) if drug.binding else []
    for regimen in drug.regimens:
        lines.append(f"  regimen {regimen.name}{_evidence(regimen.evidence)}")
        lines += [_change(change) for change in regimen.changes]
    if drug.sources:
        lines += ["  sources", *(f"    {s.key}: {citation(s)}" for s in drug.sources)]
    return lines + _note(drug.note)


def _target(target: Target) -> str:
    place = f" ({target.parameter})" if target.parameter else ""
    return f"    {target.name + place:<28} IC50 {target.ic50:g} nM{_evidence(target.evidence)}"


def _binding(binding: Binding) -> list[str]:
    parts = []
    if binding.fu_medium is not None:
        parts.append(f"{binding.fu_medium:.2%} in 10 % serum")
    if binding.fu_plasma is not None:
        parts.append(f"{binding.fu_plasma:.2%} in plasma")
    return [f"  free fraction {', '.join(parts)}{_evidence(binding.evidence)}"]


def _measurements(table: Measurements) -> list[str]:
    roles = ", ".join(f"{count} {role}" for role, count in table.roles.items())
    lines = [f"{_title(table.id, table.name)}, measurements", _text(table.text), f"  {table.rows} rows: {roles}"]
    lines += [
        "  columns",
        *(f"    {_with_unit(c.name, c.unit and f'({c.unit})'):<34} {c.meaning}" for c in table.columns),
    ]
    lines += [_text(f"left out: {table.left_out}")]
    return [*lines, "  sources", *(f"    {s.key}: {citation(s)}" for s in table.sources)]


def _parameter(parameter: Parameter) -> list[str]:
    lines = [f"{_title(parameter.id, parameter.name)}, parameter"]
    lines.append(f"  {_with_unit(f'{parameter.value:g}', parameter.unit)}{_evidence(parameter.evidence)}")
    if parameter.prior is not None:
        lines.append(f"  prior {_with_unit(_prior(parameter.prior), parameter.unit)}")
    if parameter.bounds is not None:
        lines.append(f"  bounds {_with_unit('{:g} to {:g}'.format(*parameter.bounds), parameter.unit)}")
    return lines + _sources([parameter.evidence])


def _part(part: Part) -> list[str]:
    belongs = "" if part.kind == "model" else f" of {part.model}"
    lines = [f"{_title(part.id, part.name)}, {part.kind}{belongs}{_tail([part.unit])}"]
    lines += [f"  written in {part.where}"] if part.where else []
    lines += [f"  {uri}" for uri in part.annotations]
    for what, formula in part.formulas:
        lines.append(f"  {what}" if part.kind != "model" else f"  {formula} {what}")
        lines += [_text(formula, "      ")] if part.kind != "model" else []
    return lines


def _with_unit(text: str, unit: str) -> str:
    return text if unit in {"", "dimensionless"} else f"{text} {unit}"


def _prior(prior: Prior) -> str:
    """Give a prior by its median and the interval that holds 90 % of it."""
    first, second = prior.arguments
    if prior.distribution == "uniform":
        return f"uniform, {first:g} to {second:g}"
    middle, low, high = first, first - _Z95 * second, first + _Z95 * second
    if prior.distribution == "log-normal":
        middle, low, high = math.exp(middle), math.exp(low), math.exp(high)
    return f"{prior.distribution}, median {middle:.3g}, 90 % within {low:.3g} to {high:.3g}"
