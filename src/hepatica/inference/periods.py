"""What is done to a model during a run, as events of the model.

Each change of a trial at a later time is an event that only the rows of that trial switch on. What such events set are states
from then on: one run then holds the whole trial, and its adjoint reaches through every change.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from hepatica.errors import InputError, UnsupportedError
from hepatica.inference.problem import Problem, Trial
from hepatica.model import TIME, Apply, Event, Expression, Model, Number, Parameter, Symbol

PERIOD, EVENTS = "change {}", "events happen"  # names of parameters; no identifier of a file has a space
FIRST = 1e300
"""Priority: what the experimenter does comes before what the model does at the same time."""

Period = tuple[float, tuple[tuple[str, Expression], ...]]


def periods(problem: Problem) -> dict[Period, str]:
    """Give every change during a run of the trials with the name of the parameter that switches it on."""
    found: dict[Period, str] = {}
    for trial in problem.trials:
        for period in _of(trial):
            found.setdefault(period, PERIOD.format(len(found)))
    return found


def switched_on(trial: Trial, names: Mapping[Period, str]) -> dict[str, Expression]:
    """Give what switches on the changes of a trial."""
    return {names[period]: Number(1.0) for period in _of(trial)}


def with_periods(model: Model, names: Mapping[Period, str], *, pausing: bool) -> Model:
    """Add the changes to a model as events.

    Parameters
    ----------
    model
        Which has everything that the changes name.
    names
        The changes, and what switches them on.
    pausing
        Whether the model's own events need a parameter that switches them off.

    Raises
    ------
    InputError
        When a change sets what a rule computes.
    """
    own = model.events
    if pausing and own:
        on = Apply("gt", (Symbol(EVENTS), Number(0.5)))
        own = tuple(replace(e, trigger=Apply("and", (e.trigger, on))) for e in own)
        model = replace(model, parameters=(*model.parameters, Parameter(id=EVENTS, value=1.0)))
    events = tuple(_event(model, period, name) for period, name in names.items())
    changed = {target for e in events for target, _ in e.assignments}
    return replace(
        model,
        events=(*events, *own),
        compartments=tuple(replace(c, constant=c.constant and c.id not in changed) for c in model.compartments),
        species=tuple(replace(s, constant=s.constant and s.id not in changed) for s in model.species),
        parameters=(
            *(replace(p, constant=p.constant and p.id not in changed) for p in model.parameters),
            *(Parameter(id=name, value=0.0) for name in names.values()),
        ),
    )


def _of(trial: Trial) -> Iterator[Period]:
    for time, changes in trial.later:
        yield time, tuple(sorted(changes.items(), key=lambda item: item[0]))


def _event(model: Model, period: Period, name: str) -> Event:
    time, changes = period
    targets = {target for target, _ in changes}
    computed = {r.variable for r in model.rules if r.kind == "assignment"} | {r.id for r in model.reactions}
    for target in sorted(targets & computed):
        raise InputError(
            f"a condition sets '{target}', which a rule of the model computes; conditions set parameters, compartments and "
            "species only."
        )
    if targets and any(r.kind == "algebraic" for r in model.rules):
        raise UnsupportedError(
            f"model '{model.id}' has algebraic rules, and a condition changes it at time {time:g}; hepatica does not do both."
        )
    sizes = {c.id: value for c in model.compartments for target, value in changes if target == c.id}
    inside = {s.id: s.compartment for s in model.species if s.compartment in sizes and not s.substance_only}
    # a concentration that an event of SBML gives is one in the compartment as it was, of a PEtab condition in the new one;
    # and where a compartment changes the former keeps amounts, the latter concentrations
    values = dict(changes) | {n: Symbol(n) for n in inside if n not in targets | computed}
    for species in values.keys() & inside.keys():
        size = inside[species]
        values[species] = Apply("/", (Apply("*", (values[species], sizes[size])), Symbol(size)))
    trigger = Apply("and", (Apply("gt", (Symbol(name), Number(0.5))), Apply("ge", (TIME, Number(time)))))
    return Event(
        id=f"event {name}", trigger=trigger, assignments=tuple(values.items()), priority=Number(FIRST), initial_value=False,
        at_trigger=False,
    )  # fmt: skip
