"""Arms for dose series and for full-factorial dose combinations."""

from collections.abc import Sequence
from itertools import product

from hepatica.errors import InputError
from hepatica.experiment import Arm, Intervention
from hepatica.pharmacology.drug import Drug
from hepatica.units import quantity

CONTROL = "control"


def dose_series(drug: Drug, doses: Sequence[str], base: Sequence[Intervention] = ()) -> tuple[Arm, ...]:
    """Give one arm for each dose of a drug.

    Parameters
    ----------
    drug
        The drug, in the medium from time zero.
    doses
        Nominal concentrations with unit; a zero gives the arm without drug.
    base
        What every arm gets besides, such as a knock-down.

    Returns
    -------
    tuple of Arm
        In the order of the doses. Ids: ``"shIGF1R + sorafenib 5 uM"``, and ``"shIGF1R"`` for the dose zero
        (``"control"`` without a base). Labels: ``manipulation`` (the ids of those of the base that do not bring other
        labels, or ``"control"``), ``sorafenib_uM``, and the base's own.

    Raises
    ------
    InputError
        When there is no dose, one comes twice, or one is negative.
    UnitError
        When a dose has no unit or a wrong one.
    """
    if isinstance(doses, str):
        raise InputError(f"the doses are one text, '{doses}'; expected a list such as ['0 uM', '{doses}'].")
    if not doses:
        raise InputError(f"the dose series of {drug.id} is empty; give at least one dose.")
    arms = tuple(_arm(base, [drug.bath(dose)]) for dose in doses)
    seen: dict[str, str] = {}
    for arm, dose in zip(arms, doses, strict=True):
        if arm.id in seen:
            raise InputError(f"the doses '{seen[arm.id]}' and '{dose}' of {drug.id} are the same; give each once.")
        seen[arm.id] = dose
    return arms


def dose_grid(*drugs: Drug, top: str | Sequence[str], levels: int, ratio: float = 2.0) -> tuple[Arm, ...]:
    """Give the full-factorial combination of drugs, each at zero and at a geometric series of doses.

    Parameters
    ----------
    drugs
        One or more; in the medium from time zero.
    top
        Highest nominal concentration with unit: one for all, or one for each drug.
    levels
        Number of doses above zero of each drug; zero is always added.
    ratio
        Each dose is this many times the one below.

    Returns
    -------
    tuple of Arm
        ``(levels + 1) ** len(drugs)`` arms; the last drug varies fastest, doses ascend. Ids and labels as in
        :func:`dose_series`.

    Raises
    ------
    InputError
        When there is no drug, no level, a ratio not above one, or a top dose that is not above zero.
    """
    if not drugs:
        raise InputError("the dose grid has no drug; give at least one.")
    if len({d.id for d in drugs}) < len(drugs):
        raise InputError("the dose grid names a drug twice; give each once.")
    if levels < 1:
        raise InputError(f"the dose grid has {levels} levels; expected at least one dose above zero.")
    if not ratio > 1:
        raise InputError(f"the ratio between doses is {ratio:g}; expected more than one.")
    tops = [top] * len(drugs) if isinstance(top, str) else list(top)
    if len(tops) != len(drugs):
        raise InputError(f"{len(tops)} top doses were given for {len(drugs)} drugs; give one, or one for each drug.")
    axes = [_ladder(drug, highest, levels, ratio) for drug, highest in zip(drugs, tops, strict=True)]
    return tuple(_arm((), baths) for baths in product(*axes))


def _ladder(drug: Drug, top: str, levels: int, ratio: float) -> list[Intervention]:
    highest = quantity(top, "uM")
    if not highest > 0:
        raise InputError(f"the top dose of {drug.id} is '{top}'; expected more than zero.")
    doses = ["0 uM"] + [f"{highest / ratio**step:.6g} uM" for step in reversed(range(levels))]
    return [drug.bath(dose) for dose in doses]


def _arm(base: Sequence[Intervention], baths: Sequence[Intervention]) -> Arm:
    given = [*base, *(bath for bath in baths if bath.changes)]
    labels: dict[str, str | float] = {"manipulation": _manipulation(base)}
    for bath in baths:
        labels.update(bath.labels)
    return Arm(id=" + ".join(i.id for i in given) or CONTROL, interventions=tuple(given), labels=labels)


def _manipulation(base: Sequence[Intervention]) -> str:
    """Name what is done to the cells; an intervention with other labels (a clamp, a second drug) speaks by those."""
    names = [str(i.labels.get("manipulation", i.id)) for i in base if "manipulation" in i.labels or not i.labels]
    return " + ".join(names) or CONTROL
