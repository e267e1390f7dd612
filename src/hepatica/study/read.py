"""Reading a ``study.toml`` and everything it names."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

from hepatica.assays import (
    Apoptosis,
    BenchAssay,
    DoseResponse,
    EdU,
    Level,
    Panel,
    ScratchWound,
    WesternBlot,
    Xenograft,
    apoptosis,
    dose_response,
)
from hepatica.claims import Claim, Comparison, read_claims
from hepatica.errors import FormatError, InputError, NotFoundError, did_you_mean
from hepatica.evidence import Evidence, Source, find_source
from hepatica.experiment import Arm, Change, Intervention
from hepatica.library import (
    load_cell_line,
    load_drug,
    load_left_out,
    load_model,
    load_posterior,
    load_sources,
    load_tool,
    load_wirings,
)
from hepatica.library.files import read_record
from hepatica.library.records import ChangeRecord
from hepatica.literature import read_checks
from hepatica.model import Model
from hepatica.pharmacology import dose_series
from hepatica.study.plan import Effect, Rule, Study, StudyExperiment
from hepatica.study.records import AssayRecord, ExperimentRecord, ManipulationRecord, RuleRecord, StudyRecord
from hepatica.units import quantity

CONTROL = Arm(id="control", labels={"manipulation": "control"})
_CLAMPS = {"akt": ("akt_clamp",), "erk": ("erk_clamp",), "both": ("akt_clamp", "erk_clamp")}


def find_study(name: str | Path) -> Path:
    """Give the ``study.toml`` of a name.

    Parameters
    ----------
    name
        The file, its folder, or the name of a folder in ``./studies``.

    Raises
    ------
    NotFoundError
        When there is none.
    """
    given = Path(name)
    for place in (given, Path("studies") / given):
        if place.is_dir():
            return place / "study.toml"
        if place.is_file():
            return place
    known = sorted(p.parent.name for p in Path("studies").glob("*/study.toml"))
    raise NotFoundError(f"no study '{name}'; give a folder that holds a study.toml.{did_you_mean(str(name), known)}")


def load_study(name: str | Path) -> Study:
    """Read a study, its claims, and what it names in the library.

    Parameters
    ----------
    name
        The ``study.toml``, its folder, or the name of a folder in ``./studies``.

    Returns
    -------
    Study
        Ready for :func:`run_study`.

    Raises
    ------
    StorageError
        When a file cannot be read.
    FormatError
        When a file is no TOML or a key is wrong; with file and line.
    NotFoundError
        When the study names something that is not there; with near names.
    """
    path = find_study(name)
    record = read_record(path, StudyRecord)
    sources = load_sources()
    for key in (record.source, *record.related):
        find_source(key, sources)
    claims = read_claims(path.parent / record.claims)
    for claim in claims:
        find_source(claim.source, sources)
    manipulations = {m.id: _manipulation(m, sources) for m in record.manipulation}
    _unique(path, "manipulation", [m.id for m in record.manipulation])
    _unique(path, "experiment", [e.id for e in record.experiment])
    _unique(path, "rule", [r.id for r in record.rule])
    lines = {line: load_cell_line(line) for line in record.cell_lines}
    for experiment in record.experiment:
        lines |= {line: load_cell_line(line) for line in experiment.cell_lines}
    study = Study(
        id=record.id,
        title=record.title,
        question=record.question.strip(),
        source=record.source,
        model=load_model(record.model),
        wirings=load_wirings(record.model),
        lines=tuple({line.id: line for line in lines.values()}.values()),
        cell_lines=tuple(lines[line].id for line in record.cell_lines),
        control=CONTROL,
        rules=tuple(_rule(r, manipulations, path) for r in record.rule),
        experiments=tuple(
            _experiment(e, [lines[line].id for line in e.cell_lines or record.cell_lines], manipulations, sources, path)
            for e in record.experiment
        ),
        claims=claims,
        effect=None if record.effect is None else Effect(**dict(record.effect)),
        draws=record.draws,
        seed=record.seed,
        candidates=record.candidates,
        block=record.block,
        posterior=load_posterior(record.posterior) if record.posterior else None,
        left_out=load_left_out(record.posterior) if record.posterior else None,
        literature=read_checks(path.parent / record.literature) if record.literature else (),
        sources=sources,
        related=tuple(record.related),
        limits=tuple(record.limits),
        path=str(path),
    )
    _check_targets(study.model, study.experiments, path)
    _check_names(study)
    return study


def _unique(path: Path, what: str, ids: Sequence[str]) -> None:
    for name in ids:
        if ids.count(name) > 1:
            raise FormatError(f"{path}: two blocks [[{what}]] have the id '{name}'; give each its own.")


def _known[Value](name: str, table: Mapping[str, Value], what: str, where: str) -> Value:
    if name not in table:
        raise NotFoundError(f"{where}: no {what} '{name}'.{did_you_mean(name, table)}")
    return table[name]


def _changes(records: Iterable[ChangeRecord], sources: Sequence[Source]) -> tuple[Change, ...]:
    made = []
    for record in records:
        find_source(record.source, sources)
        made.append(
            Change(
                target=record.target,
                how=record.how,
                value=record.value,
                unit=record.unit,
                start=quantity(record.start, "min") if isinstance(record.start, str) else record.start,
                stop=quantity(record.stop, "min") if isinstance(record.stop, str) else record.stop,
                evidence=Evidence(basis=record.basis, source=record.source, note=record.note),
            )
        )
    return tuple(made)


def _manipulation(record: ManipulationRecord, sources: Sequence[Source]) -> Intervention:
    """Give a manipulation as one intervention; its only label is its own name, so that it is no dose of a series."""
    changes = _changes(record.changes, sources)
    name, note = record.name, record.note
    if record.tool:
        tool = load_tool(record.tool)
        changes = (*tool.changes, *changes)
        name, note = name or tool.name, note or tool.note
    if bool(record.drug) != bool(record.dose):
        raise InputError(f"manipulation '{record.id}': a drug needs a dose and a dose a drug; give both.")
    if record.drug:
        bath = load_drug(record.drug).bath(record.dose)
        changes = (*bath.changes, *changes)
        name = name or bath.name
    labels: dict[str, str | float] = {"manipulation": record.id}
    return Intervention(id=record.id, changes=changes, name=name or record.id, labels=labels, note=note)


def _base(name: str, manipulations: Mapping[str, Intervention], where: str) -> tuple[Intervention, ...]:
    """Give the interventions of a manipulation: none for the untreated control."""
    return () if name == CONTROL.id else (_known(name, manipulations, "manipulation", where),)


def _rule(record: RuleRecord, manipulations: Mapping[str, Intervention], path: Path) -> Rule:
    where = f"{path}: rule '{record.id}'"
    limit = {
        "steady_state": 0.0,
        "doubling_time": record.within,
        "daily_loss": record.below,
        "response": record.at_least_fold,
    }[record.kind]
    if limit is None:
        key = {"doubling_time": "within", "daily_loss": "below", "response": "at_least_fold"}[record.kind]
        raise FormatError(f"{where}: a rule of the kind '{record.kind}' needs the key '{key}'; add it.")
    arm, at = None, 0.0
    if record.kind == "response":
        for key in ("manipulation", "observable", "at"):
            if not getattr(record, key):
                raise FormatError(f"{where}: a rule of the kind 'response' needs the key '{key}'; add it.")
        base = _base(record.manipulation, manipulations, where)
        arm = Arm(id=record.manipulation, interventions=base)
        at = quantity(record.at, "min")
    return Rule(
        id=record.id,
        sentence=record.sentence,
        kind=record.kind,
        limit=limit,
        arm=arm,
        observable=record.observable,
        at=at,
    )


def _experiment(
    record: ExperimentRecord,
    cell_lines: Sequence[str],
    manipulations: Mapping[str, Intervention],
    sources: Sequence[Source],
    path: Path,
) -> StudyExperiment:
    where = f"{path}: experiment '{record.id}'"
    if record.fit and not record.doses:
        raise FormatError(f"{where}: fit = true needs a dose series; give drug and doses.")
    arms = _arms(record, manipulations, where)
    setting = [replace(load_tool(tool), labels={}) for tool in record.tools]
    if record.changes:
        changes = _changes(record.changes, sources)
        setting.append(Intervention(id="setting", changes=changes, name=record.title, note=record.note))
    arms = tuple(replace(arm, interventions=(*setting, *arm.interventions), labels=arm.all_labels) for arm in arms)
    if not arms:
        raise InputError(f"{where} has no arms; name at least one manipulation.")
    fit = load_drug(record.drug).label if record.fit else ""
    dose = (load_drug(record.drug).label,) if record.doses else ()
    assays = tuple(_assay(a, dose, where) for a in record.assay)
    if fit and "viability" not in {assay.name for assay in assays}:
        raise FormatError(f"{where}: fit = true needs the viability; add an [[experiment.assay]] that reads it.")
    return StudyExperiment(
        id=record.id,
        title=record.title,
        cell_lines=tuple(cell_lines),
        arms=arms,
        panel=Panel(assays=assays),
        fit=fit,
        draws=record.draws,
        equilibrate=record.equilibrate,
        note=record.note,
        clamped=bool(record.clamps),
    )


def _arms(record: ExperimentRecord, manipulations: Mapping[str, Intervention], where: str) -> tuple[Arm, ...]:
    """Give every combination of clamp, manipulation and dose (or regimen)."""
    clamps: list[tuple[Intervention, ...]] = [(_clamp(c),) for c in record.clamps] or [()]
    bases = [(*_base(m, manipulations, where), *clamp) for clamp in clamps for m in record.manipulations]
    if record.doses and not record.drug:
        raise FormatError(f"{where}: there are doses of no drug; name it with drug = '...'.")
    if record.regimen:
        if not record.drug:
            raise FormatError(f"{where}: there is a regimen of no drug; name it with drug = '...'.")
        regimen = load_drug(record.drug).regimen(record.regimen)
        return tuple(_arm((*base, *given)) for given in ((), (regimen,)) for base in bases)
    if not record.drug:
        return tuple(_arm(base) for base in bases)
    drug = load_drug(record.drug)
    return tuple(arm for base in bases for arm in dose_series(drug, record.doses, base=base))


def _arm(interventions: Sequence[Intervention]) -> Arm:
    names = [str(i.labels["manipulation"]) for i in interventions if "manipulation" in i.labels]
    labels: dict[str, str | float] = {"manipulation": " + ".join(names) or CONTROL.id}
    return Arm(
        id=" + ".join(i.id for i in interventions) or CONTROL.id, interventions=tuple(interventions), labels=labels
    )


def _clamp(which: str) -> Intervention:
    evidence = Evidence(basis="derived", source="experiment", note="switch of a path experiment")
    changes = tuple(
        Change(target=target, value=1.0, unit="dimensionless", evidence=evidence) for target in _CLAMPS[which]
    )
    return Intervention(
        id=f"{which} clamp", changes=changes, name=f"{which} output held at its control level", labels={"clamp": which}
    )


def _assay(record: AssayRecord, dose: tuple[str, ...], where: str) -> BenchAssay:
    at = record.at if isinstance(record.at, str) else tuple(record.at)
    if record.observable and record.read != "level":
        raise FormatError(f"{where}: 'observable' goes with read = 'level' only; leave it out of '{record.read}'.")
    if record.read in get_args(dose_response.Of):
        return DoseResponse(of=cast(dose_response.Of, record.read), at=at, dose=dose)
    if record.read in get_args(apoptosis.Of):
        return Apoptosis(of=cast(apoptosis.Of, record.read), at=at)
    if record.read == "western_blot":
        return WesternBlot(at=at)
    if record.read == "s_phase":
        return EdU(at=at)
    if record.read == "wound_closure":
        return ScratchWound(at=at)
    if record.read == "tumour_volume":
        return Xenograft(at=(at,) if isinstance(at, str) else at)
    return Level(observable=record.observable, at=at)


def _check_targets(model: Model, experiments: Sequence[StudyExperiment], path: Path) -> None:
    """Raise an error when a change or an assay names what the model does not have."""
    known = {*model.by_id, *(rule.variable for rule in model.rules)}
    for experiment in experiments:
        where = f"{path}: experiment '{experiment.id}'"
        for arm in experiment.arms:
            for change in arm.changes:
                _known(change.target, dict.fromkeys(known), f"'{model.id}' quantity", f"{where}, arm '{arm.id}'")
        for observable in experiment.panel.observables:
            _known(observable, dict.fromkeys(known), f"'{model.id}' observable", where)


def _check_names(study: Study) -> None:
    """Raise an error when a claim or the effect names an experiment, readout, arm or cell line that is not planned."""
    planned = {e.id: e for e in study.experiments}
    for claim in study.claims:
        _check_claim(claim, planned)
    for check in study.literature:
        _check_comparison(check.comparison, planned, f"{study.path}: check '{check.comparison.id}'")
    effect = study.effect
    if effect is not None:
        where = f"{study.path}: [effect]"
        for name, arms in (
            (effect.experiment, (effect.treated, effect.reference)),
            (effect.clamped, (effect.clamped_reference,)),
        ):
            if name:
                found = {arm.id for arm in _known(name, planned, "experiment", where).arms} | {CONTROL.id}
                for arm in arms:
                    _known(arm, dict.fromkeys(found), "arm", where)


def _check_claim(claim: Claim, planned: Mapping[str, StudyExperiment]) -> None:
    for contrast in claim.contrasts:
        _check_comparison(contrast, planned, f"claim {claim.id}, contrast {contrast.id}")


def _check_comparison(comparison: Comparison, planned: Mapping[str, StudyExperiment], where: str) -> None:
    experiment = _known(comparison.experiment, planned, "experiment", where)
    lines = dict.fromkeys(experiment.cell_lines)
    for line in (*comparison.cell_lines, *filter(None, [comparison.reference_cell_line])):
        _known(line, lines, "cell line", where)
    if comparison.readout == "pathway_share":
        return
    arms = dict.fromkeys(arm.id for arm in experiment.arms)
    for arm in (comparison.treated, comparison.reference, *(comparison.minus or ())):
        if arm:
            _known(arm, arms, "arm", where)
