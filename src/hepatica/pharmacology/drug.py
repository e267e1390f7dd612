"""A drug: what it hits, how it is bound, and how it is given."""

from dataclasses import dataclass

from hepatica.errors import InputError, NotFoundError, did_you_mean
from hepatica.evidence import Evidence, Source
from hepatica.experiment import Change, Intervention
from hepatica.units import convert, quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A protein that a drug inhibits.

    Parameters
    ----------
    name
        The protein.
    ic50
        Concentration of half inhibition, nM, cell-free unless the note says otherwise.
    evidence
        Who measured it.
    parameter
        The model's parameter that stands for it; empty when the model does not know this target.
    """

    name: str
    ic50: float
    evidence: Evidence
    parameter: str = ""

    def __post_init__(self) -> None:
        if not self.ic50 > 0:
            raise InputError(f"target '{self.name}': the IC50 is {self.ic50:g} nM; expected more than zero.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Fraction of a drug that is free (unbound), 0 to 1.

    Parameters
    ----------
    fu_medium
        In medium with 10 % fetal bovine serum; ``None`` when not known.
    fu_plasma
        In plasma; ``None`` when not known.
    evidence
        What the fractions rest on.
    """

    evidence: Evidence
    fu_medium: float | None = None
    fu_plasma: float | None = None

    def __post_init__(self) -> None:
        for place, fraction in (("medium", self.fu_medium), ("plasma", self.fu_plasma)):
            if fraction is not None and not 0.0 < fraction <= 1.0:
                raise InputError(f"the fraction unbound in {place} is {fraction:g}; expected above 0, at most 1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Regimen:
    """A dosing schedule of an animal or a patient, as changes of a model."""

    name: str
    changes: tuple[Change, ...]
    evidence: Evidence

    def __post_init__(self) -> None:
        if not self.changes:
            raise InputError(f"regimen '{self.name}' changes nothing; give it at least one change.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drug:
    """A drug.

    Parameters
    ----------
    id, name
        Short and readable name; ``id`` stands in arm ids and labels.
    parameter
        The model's input for the nominal concentration in the medium.
    unit
        Unit of that input.
    targets
        What it inhibits.
    binding
        How much of it is free; ``None`` when not known.
    regimens
        Schedules by name, such as ``"30 mg/kg/d"``.
    sources
        The literature behind all of it.
    aliases
        Other names.
    chebi
        ChEBI identifier, such as ``"CHEBI:50924"``.
    note
        What a user should know.
    """

    id: str
    name: str
    parameter: str
    unit: str
    targets: tuple[Target, ...] = ()
    binding: Binding | None = None
    regimens: tuple[Regimen, ...] = ()
    sources: tuple[Source, ...] = ()
    aliases: tuple[str, ...] = ()
    chebi: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        convert(1.0, self.unit, "uM")

    @property
    def label(self) -> str:
        """The arm label that holds its dose, such as ``"sorafenib_uM"``."""
        return f"{self.id}_uM"

    def bath(self, dose: str, start: str = "0 min", stop: str | None = None) -> Intervention:
        """Give the drug in the medium at a constant nominal concentration.

        Parameters
        ----------
        dose
            Nominal concentration with unit, such as ``"5 uM"``; ``"0 uM"`` changes nothing.
        start
            Time of addition, with unit.
        stop
            Time of wash-out, with unit; ``None`` means never.

        Returns
        -------
        Intervention
            Id ``"sorafenib 5 uM"``, label ``{"sorafenib_uM": 5.0}``. The dose is the experimenter's choice and carries
            no evidence.

        Raises
        ------
        UnitError
            When a unit is missing or wrong.
        InputError
            When the dose is negative or the wash-out does not follow the addition.
        """
        concentration = quantity(dose, "uM")
        if concentration < 0:
            raise InputError(f"the dose of {self.id} is '{dose}'; expected zero or more.")
        changes: tuple[Change, ...] = ()
        if concentration > 0:
            change = Change(
                target=self.parameter,
                value=convert(concentration, "uM", self.unit),
                unit=self.unit,
                start=quantity(start, "min"),
                stop=None if stop is None else quantity(stop, "min"),
            )
            changes = (change,)
        return Intervention(
            id=f"{self.id} {concentration:.6g} uM",
            changes=changes,
            name=f"{self.name} {concentration:.6g} uM in the medium",
            labels={self.label: float(f"{concentration:.12g}")},
        )

    def regimen(self, name: str) -> Intervention:
        """Give the drug by one of its schedules.

        Parameters
        ----------
        name
            Name of the regimen.

        Returns
        -------
        Intervention
            Id ``"sorafenib 30 mg/kg/d"``, label ``{"sorafenib_regimen": "30 mg/kg/d"}``.

        Raises
        ------
        NotFoundError
            When the drug has no such regimen.
        """
        known = {r.name: r for r in self.regimens}
        if name not in known:
            raise NotFoundError(f"{self.id} has no regimen '{name}'.{did_you_mean(name, known)}")
        found = known[name]
        return Intervention(
            id=f"{self.id} {name}",
            changes=found.changes,
            name=f"{self.name} {name}",
            labels={f"{self.id}_regimen": name},
            note=found.evidence.note,
        )
