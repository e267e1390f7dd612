"""What derivatives are taken by: parameters, initial values and doses, by name.

A name is that of a free parameter of the model; that of a state, which stands for its initial value (before
pre-equilibration, where there is one); or ``TARGET@WHERE`` for a dose: the values of all changes of ``TARGET`` that the
intervention or cell line with the id ``WHERE`` makes, moved together, in the model's unit of the target. ``TARGET@*`` takes the
changes of every intervention and of the cell line. Where an arm does not contain the change, the derivative is zero.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler.kernel import Kernel
from hepatica.compiler.names import is_hidden
from hepatica.errors import InputError, NotFoundError, UnsupportedError, did_you_mean
from hepatica.simulation.setup import Setup
from hepatica.solver import Operation, Plan
from hepatica.solver.record import Doses, doses_of, numbered
from hepatica.solver.tangent_space import Directions

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """Names of directions, resolved.

    Parameters
    ----------
    names
        As given, without repetition.
    parameter, state
        Place in p or among the states of what each name moves, or -1, shape (name,).
    dose
        For each arm the name that each of its changes belongs to, or -1.
    """

    names: tuple[str, ...]
    parameter: Indices
    state: Indices
    dose: tuple[tuple[int, ...], ...]

    def columns(self, arms: Sequence[Sequence[Operation]]) -> tuple[int, ...]:
        """Give the parameters that some direction moves, itself or by a dose."""
        dosed = {
            op.index
            for arm, dose in zip(arms, self.dose, strict=True)
            for op, d in zip(arm, dose, strict=True)
            if d >= 0 and op.what == "parameter"
        }
        return tuple(sorted(dosed | {int(k) for k in self.parameter if k >= 0}))

    def doses(
        self,
        arms: Sequence[Sequence[Operation]],
        dose: Sequence[Sequence[int]],
        plan: Callable[[list[list[Operation]]], Plan],
    ) -> Doses:
        """Give the doses of the plan that ``plan`` makes of arms; ``dose`` holds a number for each of their changes."""
        marked, _ = numbered([list(arm) for arm in arms])
        flat = np.array([d for arm in dose for d in arm] or [-1], np.int64)
        return doses_of(plan(marked), flat, len(self.names))

    def directions(self, doses: Doses) -> Directions:
        """Give all of it as the solver reads it."""
        return Directions(parameter=self.parameter, state=self.state, doses=doses)


def resolve(setup: Setup, names: Sequence[str]) -> Moves:
    """Resolve the names of directions.

    Raises
    ------
    NotFoundError
        When the model has no such parameter or state, or no arm such a dose.
    InputError
        When a dose mixes changes that set, scale and add.
    UnsupportedError
        When a model with events starts from steady states.
    """
    unique = tuple(dict.fromkeys(names))
    parameter, state = np.full(len(unique), -1, np.int64), np.full(len(unique), -1, np.int64)
    dose = [[-1] * len(arm) for arm in setup.operations]
    kernel = setup.kernel
    if unique and setup.experiment.equilibrate and kernel.conditions.events:
        raise UnsupportedError(
            f"experiment '{setup.experiment.id}' starts from steady states of a model with events; hepatica can simulate that, "
            "but not differentiate it."
        )
    for d, name in enumerate(unique):
        if "@" in name:
            _dose(setup, name, d, dose)
        elif name in kernel.parameters:
            parameter[d] = kernel.parameters.index(name)
        elif name in kernel.states and not is_hidden(name):
            state[d] = kernel.states.index(name)
        else:
            known = [*kernel.parameters, *(n for n in kernel.states if not is_hidden(n))]
            raise NotFoundError(
                f"no derivative can be taken by '{name}': it is neither a free parameter nor a state of the model."
                f"{did_you_mean(name, known)}"
            )
    return Moves(names=unique, parameter=parameter, state=state, dose=tuple(tuple(row) for row in dose))


def _dose(setup: Setup, name: str, number: int, dose: list[list[int]]) -> None:
    target, _, where = name.partition("@")
    found: set[str] = set()
    for arm, operations, origins in zip(dose, setup.operations, setup.origins, strict=True):
        for k, (op, origin) in enumerate(zip(operations, origins, strict=True)):
            if name_of(setup.kernel, op) == target and where in {"*", origin}:
                if arm[k] >= 0:
                    raise InputError(f"the dose '{name}' shares a change with another one; name each change once.")
                arm[k] = number
                found.add(op.how)
    if not found:
        known = {f"{name_of(setup.kernel, op)}@{o}" for a, b in zip(setup.operations, setup.origins, strict=True)
                 for op, o in zip(a, b, strict=True)}  # fmt: skip
        raise NotFoundError(f"no arm has the dose '{name}'.{did_you_mean(name, known)}")
    if len(found) > 1:
        raise InputError(
            f"the dose '{name}' stands for changes that {' and '.join(sorted(found))}; name one intervention at a time."
        )


def name_of(kernel: Kernel, op: Operation) -> str:
    """Give the name of what an operation changes."""
    return (kernel.states if op.what == "state" else kernel.parameters)[op.index]
