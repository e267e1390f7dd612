"""Loading what the library holds, by name."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import as_file
from importlib.resources.abc import Traversable
from pathlib import Path

from hepatica.ensemble import Ensemble, Wiring, draw_prior, read_ensemble
from hepatica.errors import FormatError, InputError, NotFoundError, did_you_mean
from hepatica.evidence import Evidence, Source, find_source
from hepatica.experiment import CellLine, Change, Intervention
from hepatica.library.files import library_root, line_of, parse_toml, place_name, read_record, read_text, validate
from hepatica.library.records import (
    CellLineRecord,
    ChangeRecord,
    DrugRecord,
    ModelRecord,
    Named,
    Sourced,
    SourceRecord,
    ToolRecord,
    WiringsRecord,
)
from hepatica.library.table import check_values, read_table
from hepatica.model import Model
from hepatica.pharmacology import Binding, Drug, Regimen, Target
from hepatica.sbml import assemble, read_antimony, read_sbml
from hepatica.units import quantity

_MODEL_SUFFIXES = (".ant", ".xml", ".sbml")


def _plain(name: str) -> str:
    """Reduce a name to what distinguishes it: 'SK-Hep1', 'SKHEP1' and 'sk hep 1' are one."""
    return re.sub(r"[\W_]+", "", name).casefold()


@cache
def _index[R: Named](folder: str, record: type[R]) -> dict[str, tuple[Traversable, R]]:
    """Read a folder of the library: the files by id, sorted."""
    found: dict[str, tuple[Traversable, R]] = {}
    claimed: dict[str, str] = {}
    for place in sorted(library_root().joinpath(folder).iterdir(), key=lambda p: p.name):
        if not place.name.endswith(".toml"):
            continue
        content = read_record(place, record)
        for name in {_plain(n) for n in content.called()}:
            if name in claimed:
                raise FormatError(f"{place_name(place)}: it answers to '{name}', and so does '{claimed[name]}'.")
            claimed[name] = content.id
        found[content.id] = (place, content)
    return dict(sorted(found.items(), key=lambda item: item[0].casefold()))


def _find[R: Named](folder: str, what: str, record: type[R], name: str) -> tuple[Traversable, R]:
    index = _index(folder, record)
    by_plain = {_plain(n): identity for identity, (_, content) in index.items() for n in content.called()}
    identity = by_plain.get(_plain(name))
    if identity is None:
        known = {n for i, (_, content) in index.items() for n in (i, *content.aliases)}
        listed = f" Known: {', '.join(index)}." if index else ""
        raise NotFoundError(f"no {what} '{name}' in the library.{did_you_mean(name, known) or listed}")
    return index[identity]


@contextmanager
def _located(place: Traversable, *path: int | str) -> Iterator[None]:
    """Put file and line before an error about a part of a file."""
    try:
        yield
    except InputError as error:
        line = line_of(read_text(place), path)
        raise FormatError(f"{place_name(place)}:{f'{line}:' if line else ''} {error}") from error


def _evidence(record: Sourced) -> Evidence:
    find_source(record.source, load_sources())
    return Evidence(basis=record.basis, source=record.source, note=record.note)


def _changes(records: Sequence[ChangeRecord], place: Traversable, *path: int | str) -> tuple[Change, ...]:
    made = []
    for number, record in enumerate(records):
        with _located(place, *path, number):
            made.append(
                Change(
                    target=record.target,
                    how=record.how,
                    value=record.value,
                    unit=record.unit,
                    start=_minutes(record.start),
                    stop=_minutes(record.stop),
                    evidence=_evidence(record),
                )
            )
    return tuple(made)


def _minutes(time: str | float | None) -> float | None:
    return quantity(time, "min") if isinstance(time, str) else time


def load_cell_line(name: str) -> CellLine:
    """Give a cell line of the library.

    Parameters
    ----------
    name
        Id or alias; case, spaces and hyphens do not matter.

    Returns
    -------
    CellLine
        Its differences from the model's reference values, each with its evidence.

    Raises
    ------
    NotFoundError
        When the library has no such cell line.

    Examples
    --------
    >>> load_cell_line("SKHEP1").id
    'SK-Hep1'
    """
    return _cell_line(_find("cell_lines", "cell line", CellLineRecord, name)[1].id)


@cache
def _cell_line(identity: str) -> CellLine:
    place, record = _index("cell_lines", CellLineRecord)[identity]
    return CellLine(
        id=record.id,
        changes=_changes(record.changes, place, "changes"),
        name=record.name,
        refs=(record.cellosaurus,) if record.cellosaurus else (),
        note=record.note,
    )


def load_tool(name: str) -> Intervention:
    """Give a genetic tool or milieu of the library, such as ``shIGF1R``, as an intervention.

    Raises
    ------
    NotFoundError
        When the library has no such tool.

    Examples
    --------
    >>> load_tool("shIGF1R").changes[0].target
    'IGF1R_mRNA_residual'
    """
    return _tool(_find("tools", "tool", ToolRecord, name)[1].id)


@cache
def _tool(identity: str) -> Intervention:
    place, record = _index("tools", ToolRecord)[identity]
    return Intervention(
        id=record.id,
        changes=_changes(record.changes, place, "changes"),
        name=record.name,
        labels={"manipulation": record.id},
        note=record.note,
    )


def load_drug(name: str) -> Drug:
    """Give a drug of the library.

    Parameters
    ----------
    name
        Id or alias; case, spaces and hyphens do not matter.

    Raises
    ------
    NotFoundError
        When the library has no such drug.

    Examples
    --------
    >>> load_drug("Nexavar").bath("5 uM").id
    'sorafenib 5 uM'
    """
    return _drug(_find("drugs", "drug", DrugRecord, name)[1].id)


@cache
def _drug(identity: str) -> Drug:
    place, record = _index("drugs", DrugRecord)[identity]
    targets, regimens, binding = [], [], None
    for number, target in enumerate(record.targets):
        with _located(place, "targets", number):
            evidence = _evidence(target)
            targets.append(Target(name=target.name, ic50=target.ic50_nM, parameter=target.parameter, evidence=evidence))
    for number, regimen in enumerate(record.regimens):
        with _located(place, "regimens", number):
            changes = _changes(regimen.changes, place, "regimens", number, "changes")
            regimens.append(Regimen(name=regimen.name, changes=changes, evidence=_evidence(regimen)))
    if record.binding is not None:
        with _located(place, "binding"):
            binding = Binding(
                evidence=_evidence(record.binding),
                fu_medium=record.binding.fu_medium,
                fu_plasma=record.binding.fu_plasma,
            )
    evidences = [t.evidence for t in targets] + [c.evidence for r in regimens for c in r.changes if c.evidence]
    evidences += [r.evidence for r in regimens] + ([binding.evidence] if binding else [])
    keys = dict.fromkeys(e.source for e in evidences)
    with _located(place, "unit"):
        return Drug(
            id=record.id,
            name=record.name,
            parameter=record.parameter,
            unit=record.unit,
            targets=tuple(targets),
            binding=binding,
            regimens=tuple(regimens),
            sources=tuple(find_source(key, load_sources()) for key in keys),
            aliases=tuple(record.aliases),
            chebi=record.chebi,
            note=record.note,
        )


@cache
def load_sources() -> tuple[Source, ...]:
    """Give the literature record, in the order of ``sources.toml``."""
    place = library_root() / "sources.toml"
    text, name = read_text(place), place_name(place)
    sources = []
    for key, content in parse_toml(text, name).items():
        if not isinstance(content, dict):
            raise FormatError(f"{name}:{line_of(text, (key,))}: '{key}' is not a table; expected [{key}].")
        with _located(place, key):
            record = validate({"key": key, **content}, SourceRecord, name)
            sources.append(Source(**record.model_dump()))
    return tuple(sources)


def _model_folder(name: str) -> Traversable:
    folder = library_root() / "models" / name
    if name not in list_models():
        raise NotFoundError(f"no model '{name}' in the library.{did_you_mean(name, list_models())}")
    return folder


def load_model(name: str | Path) -> Model:
    """Give a model of the library, or read one from a file.

    Parameters
    ----------
    name
        Library name, or path of an Antimony (``.ant``) or SBML (``.xml``, ``.sbml``) file.

    Returns
    -------
    Model
        A library model has units, priors, bounds and evidence with every parameter.

    Raises
    ------
    NotFoundError
        When the library has no such model, or there is no such file.
    FormatError
        When a file is not what it should be; with file and line.
    """
    path = Path(name)
    if path.suffix.lower() not in _MODEL_SUFFIXES:
        if isinstance(name, Path) or path.exists():
            raise FormatError(f"'{name}' is not a model; expected a file that ends in {', '.join(_MODEL_SUFFIXES)}.")
        return _library_model(name)
    if not path.exists():
        raise NotFoundError(
            f"no file '{name}'; give a model's path, or one of the library: {', '.join(list_models())}."
        )
    return read_antimony(path) if path.suffix.lower() == ".ant" else read_sbml(path)


@cache
def _library_model(name: str) -> Model:
    folder = _model_folder(name)
    record = read_record(folder / "model.toml", ModelRecord)
    table = folder / record.parameters
    model = assemble(
        record.id,
        [(place_name(folder / module), read_text(folder / module)) for module in record.modules],
        read_table(table, load_sources()),
        name=record.name,
        sources=load_sources(),
        parameters_name=place_name(table),
    )
    check_values(model)
    return model


@cache
def load_wirings(name: str) -> tuple[Wiring, ...]:
    """Give the rival wirings of a library model.

    Raises
    ------
    NotFoundError
        When the library has no such model.
    """
    folder = _model_folder(name)
    place = folder / read_record(folder / "model.toml", ModelRecord).wirings
    made = []
    for number, record in enumerate(read_record(place, WiringsRecord).wirings):
        with _located(place, "wirings", number):
            made.append(
                Wiring(
                    id=record.id,
                    parameter=record.parameter,
                    sentence=record.sentence,
                    probability=record.probability,
                    evidence=_evidence(record),
                )
            )
    return tuple(made)


def load_ensemble(name: str, draws: int = 1000, seed: int = 1) -> Ensemble:
    """Give the ensemble of a library model: draws from its priors and wirings.

    Parameters
    ----------
    name
        Library name of the model.
    draws
        How many.
    seed
        With it, the draws are always the same.
    """
    return draw_prior(load_model(name), draws, seed=seed, wirings=load_wirings(name))


def load_posterior(name: str) -> Ensemble:
    """Give the posterior ensemble of a library model: draws that were fitted to the library's measurements.

    Parameters
    ----------
    name
        Library name of the model; ``studies/hcc-calibration`` made the one of ``hcc``.

    Raises
    ------
    NotFoundError
        When there is none.
    InputError
        When it was made for another version of the model.

    Examples
    --------
    >>> load_posterior("hcc").origin
    'posterior'
    """
    model = load_model(name)
    found = _ensemble(model, f"{model.id}.nc")
    if found is None:
        raise NotFoundError(
            f"the library has no posterior ensemble of model '{model.id}'; fit one with 'hepatica fit'."
        )
    return found


def load_left_out(name: str) -> Ensemble | None:
    """Give draws of the posterior of a library model that were fitted without one data set each; ``None`` when there are none.

    Parameters
    ----------
    name
        Library name of the model. The coordinate ``left_out`` (draw) names the data set that a draw knows nothing of.

    Raises
    ------
    InputError
        When they were made for another version of the model.
    """
    model = load_model(name)
    return _ensemble(model, f"{model.id}-left-out.nc")


def _ensemble(model: Model, file: str) -> Ensemble | None:
    place = library_root() / "ensembles" / file
    if not place.is_file():
        return None
    with as_file(place) as path:
        ensemble = read_ensemble(path)
    made_for = ensemble.draws.attrs.get("model_digest", "none")
    if made_for != model.digest:
        raise InputError(
            f"the posterior ensemble of '{model.id}' was made for another version of the model ({made_for[:12]}, not "
            f"{model.digest[:12]}); make it anew with 'hepatica fit'."
        )
    return ensemble


def list_models() -> tuple[str, ...]:
    """Give the names of the library's models."""
    models = library_root() / "models"
    return tuple(sorted(p.name for p in models.iterdir() if p.is_dir() and (p / "model.toml").is_file()))


def list_drugs() -> tuple[str, ...]:
    """Give the ids of the library's drugs."""
    return tuple(_index("drugs", DrugRecord))


def list_cell_lines() -> tuple[str, ...]:
    """Give the ids of the library's cell lines."""
    return tuple(_index("cell_lines", CellLineRecord))


def list_tools() -> tuple[str, ...]:
    """Give the ids of the library's tools."""
    return tuple(_index("tools", ToolRecord))
