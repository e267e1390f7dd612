"""Small named checks of a model; all issues at once."""

import math
from collections import Counter
from collections.abc import Callable, Iterator

from hepatica.evidence import BASES, EXPERIMENT
from hepatica.model.balance import check_balance
from hepatica.model.codec import to_json
from hepatica.model.conservation import moieties
from hepatica.model.expression import symbols
from hepatica.model.issue import Issue
from hepatica.model.network import Model, Parameter
from hepatica.model.structure import check_structure, formulas, place
from hepatica.sandbox import run


def check_model(model: Model) -> tuple[Issue, ...]:
    """Give everything that is wrong or missing in a model.

    Parameters
    ----------
    model
        What to check.

    Returns
    -------
    tuple of Issue
        Errors first. Structure (duplicate, undefined, circular, not finite), units of every formula, parameters
        (used, sourced, bounds, prior), species (annotated, reachable), moieties. Empty when the model is clean. When
        the structure is wrong, the rest is not looked at.

    Raises
    ------
    HostileFileError
        When a model from a foreign file takes more time or memory than allowed.
    """
    if not model.foreign:
        return find_issues(model)
    found, _ = run("check", {}, to_json(model), subject=f"model '{model.id}'", doing="checking")
    return tuple(Issue(severity=severity, where=where, message=message) for severity, where, message in found)


def find_issues(model: Model) -> tuple[Issue, ...]:
    """Give what :func:`check_model` gives, found in this process."""
    issues = list(check_structure(model))
    if not issues:
        issues = [issue for check in CHECKS for issue in check(model)]
    return tuple(sorted(issues, key=lambda issue: issue.severity))


def basis_share(model: Model) -> dict[str, int]:
    """Give how many constant parameters rest on each basis.

    ``none`` counts those without evidence, ``input`` those that an experiment sets, whatever their basis.

    Examples
    --------
    >>> basis_share(Model(id="m", parameters=(Parameter(id="k", value=1.0),)))["none"]
    1
    """
    found = Counter(
        "none" if p.evidence is None else "input" if p.evidence.source == EXPERIMENT else p.evidence.basis
        for p in _constants(model)
    )
    return {basis: found[basis] for basis in (*BASES, "none", "input")}


def _constants(model: Model) -> Iterator[Parameter]:
    """Give the parameters that are numbers: not computed by a rule or an initial assignment."""
    computed = {r.variable for r in model.rules} | {a.symbol for a in model.initial_assignments}
    return (p for p in model.parameters if p.id not in computed)


def _issue(model: Model, element: str, message: str, *, error: bool = False) -> Issue:
    return Issue(severity="error" if error else "warning", where=place(model, element), message=message)


def check_used(model: Model) -> Iterator[Issue]:
    """Every parameter stands in some formula."""
    used = {name for _, _, expression in formulas(model) for name in symbols(expression)} | set(model.observables)
    for p in _constants(model):
        if p.id not in used:
            yield _issue(model, p.id, f"parameter '{p.id}' is never used; remove it or use it.")


def check_sourced(model: Model) -> Iterator[Issue]:
    """Every parameter has evidence with a known source; what is not measured says why or how in a note."""
    keys = {s.key for s in model.sources}
    for p in _constants(model):
        if p.evidence is None:
            yield _issue(model, p.id, f"parameter '{p.id}' has no source; give basis and source.", error=True)
            continue
        if keys and p.evidence.source not in keys:
            yield _issue(
                model, p.id, f"parameter '{p.id}' cites '{p.evidence.source}', which is no source.", error=True
            )
        if p.evidence.basis != "measured" and not p.evidence.note:
            yield _issue(
                model, p.id, f"parameter '{p.id}' is {p.evidence.basis} without a note; say from where or why."
            )


def check_bounds(model: Model) -> Iterator[Issue]:
    """Bounds are ordered and hold the value."""
    for p in model.parameters:
        if p.bounds is None:
            continue
        lower, upper = p.bounds
        if not lower < upper:
            yield _issue(model, p.id, f"the bounds {lower:g} and {upper:g} of '{p.id}' are not in order.", error=True)
        elif not lower <= p.value <= upper:
            text = f"parameter '{p.id}' is {p.value:g}, outside of its bounds {lower:g} and {upper:g}."
            yield _issue(model, p.id, text, error=True)


def check_priors(model: Model) -> Iterator[Issue]:
    """Priors are proper and do not contradict the value: it lies within three widths, and inside the bounds."""
    for p in model.parameters:
        if p.prior is None:
            continue
        first, second = p.prior.arguments
        if p.prior.distribution == "uniform":
            proper, near = math.isfinite(first) and math.isfinite(second) and first < second, first <= p.value <= second
        else:
            proper = math.isfinite(first) and 0 < second < math.inf
            logarithmic = p.prior.distribution == "log-normal"
            at = (math.log(p.value) if p.value > 0 else -math.inf) if logarithmic else p.value
            near = abs(at - first) <= 3 * second
        if not proper:
            yield _issue(
                model,
                p.id,
                f"the prior {p.prior.distribution} {first:g}, {second:g} of '{p.id}' is improper.",
                error=True,
            )
        elif not near:
            text = (
                f"the prior {p.prior.distribution} {first:g}, {second:g} of '{p.id}' rules its value {p.value:g} out."
            )
            yield _issue(model, p.id, text, error=True)


def check_annotated(model: Model) -> Iterator[Issue]:
    """Every species has a MIRIAM identifier."""
    for s in model.species:
        if not s.annotations:
            yield _issue(model, s.id, f"species '{s.id}' has no identifier (UniProt, ChEBI, GO); annotate it.")


def check_reachable(model: Model) -> Iterator[Issue]:
    """Every species is there at the start or made by a reaction that can run."""
    known = {a.symbol for a in model.initial_assignments} | {r.variable for r in model.rules}
    reached = {s.id for s in model.species if s.initial or s.constant or s.boundary or s.id in known}
    while True:
        new = set(reached)
        for r in model.reactions:
            sides = [{n for n, _ in r.reactants}, {n for n, _ in r.products}]
            for source, target in (sides, sides[::-1]) if r.reversible else (sides,):
                if source <= new:
                    new |= target
        if new == reached:
            break
        reached = new
    for s in model.species:
        if s.id not in reached:
            yield _issue(model, s.id, f"species '{s.id}' starts at zero and nothing makes it; give it a source.")


def check_moieties(model: Model) -> Iterator[Issue]:
    """Every conserved moiety has something in it at the start."""
    start = {s.id: s.initial for s in model.species}
    assigned = {a.symbol for a in model.initial_assignments}
    for moiety in moieties(model):
        names = [name for name, _ in moiety.terms]
        if not any(start[name] or name in assigned for name in names):
            yield _issue(model, names[0], f"the conserved sum {moiety} is zero at the start and stays so.")


CHECKS: tuple[Callable[[Model], Iterator[Issue] | tuple[Issue, ...]], ...] = (
    check_balance, check_used, check_sourced, check_bounds, check_priors, check_annotated, check_reachable,
    check_moieties,
)  # fmt: skip
