"""The adjoint between steps: starts of segments, changes of conditions, events, and solutions of algebraic equations."""

from typing import Any

from hepatica.solver.adjoint_space import (
    ASSIGN_PULL,
    FACTOR,
    IHG,
    INITIAL_PULL,
    LU,
    POINT_BAR,
    QB,
    RHS,
    RHS_PULL,
    ROOTS_PULL,
    SA,
    SI,
    SOLVE,
    SR,
    XB,
    M,
    P,
    U,
    V,
    W,
    Y,
)
from hepatica.solver.calls import caller, compiled
from hepatica.solver.drive import SCALE, SET_TO
from hepatica.solver.events import HELD
from hepatica.solver.notes import ASSIGNED, KIND, SEGMENT, SOLVED, TRIGGERED, TURNED, WHICH
from hepatica.solver.replay import load_row, value_before

call2, call3, call4, call5, call7 = (caller(n) for n in (2, 3, 4, 5, 7))


@compiled
def pull_changes(
    lane: int, first: int, last: int, index: Any, how: Any, value: Any, dose: Any, start: Any, bar: Any, dose_bar: Any
) -> None:
    """The adjoint of a segment's changes of a vector whose values before them are ``start``; ``bar`` in place."""
    for q in range(last - 1, first - 1, -1):
        i = index[q]
        g = bar[i, lane]
        if dose[q] >= 0:
            before = value_before(start[i], first, q, index, how, value) if how[q] == SCALE else 1.0
            dose_bar[dose[q]] += g * before
        if how[q] == SET_TO:
            bar[i, lane] = 0.0
        elif how[q] == SCALE:
            bar[i, lane] = g * value[q]


@compiled
def pull_state_changes(lane: int, segment: int, run: Any, start: Any, bar: Any, dose_bar: Any) -> None:
    """The adjoint of a segment's changes of the state."""
    plan = run.plan
    pull_changes(
        lane, plan[6][segment], plan[6][segment + 1], plan[7], plan[8], plan[9], run.state_dose, start, bar, dose_bar
    )


@compiled
def pull_parameter_changes(lane: int, segment: int, draw: int, run: Any, pb: Any, base_bar: Any, dose_bar: Any) -> None:
    """The adjoint of a segment's parameters, ``pb``, added to that of the draw, and forgotten."""
    plan = run.plan
    pull_changes(
        lane, plan[2][segment], plan[2][segment + 1], plan[3], plan[4], plan[5], run.parameter_dose, run.base[draw], pb, dose_bar
    )  # fmt: skip
    for v in range(pb.shape[0]):
        if v < base_bar.shape[0]:
            base_bar[v] += pb[v, lane]
        pb[v, lane] = 0.0


@compiled
def pull_initial(lane: int, code: Any, data: Any, a: Any) -> None:
    """The adjoint of the model's initial values."""
    for v in range(a.bar.shape[0]):
        a.si[v, lane] = a.bar[v, lane]
    a.qb[:] = 0.0
    call3(code[INITIAL_PULL], (data[P], data[SI], data[QB]))
    for v in range(a.pb.shape[0]):
        a.pb[v, lane] += a.qb[v, lane]


@compiled
def leave_segment(
    lane: int,
    row: int,
    task: int,
    begins: Any,
    rows: Any,
    run: Any,
    code: Any,
    data: Any,
    a: Any,
    base_bar: Any,
    dose_bar: Any,
) -> None:
    """Go back over the start of a segment; ``begins``: it is the first of its task."""
    segment = rows.where[row, SEGMENT]
    pull_state_changes(lane, segment, run, rows.states[row], a.bar, dose_bar)
    if begins and run.tasks[task, 2] < 0:
        pull_initial(lane, code, data, a)
    pull_parameter_changes(lane, segment, run.tasks[task, 1], run, a.pb, base_bar, dose_bar)


@compiled
def _slope_against(lane: int, code: Any, data: Any, a: Any) -> Any:
    """``dy/dt`` in the state of the lane, times the adjoint."""
    a.u[0] = 0.0
    call4(code[RHS], (data[Y], data[P], data[U], data[W]))
    total = 0.0
    for v in range(a.bar.shape[0]):
        total += a.bar[v, lane] * a.u[0, v, lane]
    return total


@compiled
def note_after(lane: int, row: int, rows: Any, code: Any, data: Any, a: Any) -> None:
    """Before going back over a change of conditions: how what follows depends on its time."""
    load_row(lane, row, rows, a.y, a.p)
    a.shift[lane] = -_slope_against(lane, code, data, a)
    for k in range(a.news.shape[0]):
        a.news[k, lane] = 0.0


@compiled
def leave_jump(lane: int, row: int, rows: Any, events: Any, code: Any, data: Any, a: Any) -> None:
    """Go back over what happened between two steps."""
    kind, which = rows.where[row, KIND], rows.where[row, WHICH]
    load_row(lane, row, rows, a.y, a.p)
    if kind == SOLVED:
        _leave_solution(lane, events.differential, code, data, a)
    elif kind == ASSIGNED:
        for k in range(events.first[which], events.first[which + 1]):
            a.news[k, lane] += a.bar[events.targets[k], lane]
            a.bar[events.targets[k], lane] = 0.0
        if events.at_trigger[which] == 0:
            _leave_values(lane, which, events, code, data, a)
    elif kind == TRIGGERED:
        if events.at_trigger[which] == 1:
            _leave_values(lane, which, events, code, data, a)
    elif kind == TURNED:
        _leave_turn(lane, which, code, data, a)


@compiled
def _leave_values(lane: int, event: int, events: Any, code: Any, data: Any, a: Any) -> None:
    """The adjoint of the new values of an event, as functions of the state."""
    for k in range(a.news.shape[0]):
        a.sa[k, lane] = 0.0
    for k in range(events.first[event], events.first[event + 1]):
        a.sa[k, lane] = a.news[k, lane]
        a.news[k, lane] = 0.0
    a.qb[:] = 0.0
    call5(code[ASSIGN_PULL], (data[Y], data[P], data[SA], data[POINT_BAR], data[QB]))
    for v in range(a.bar.shape[0]):
        a.bar[v, lane] += a.point_bar[v, lane]
    for v in range(a.pb.shape[0]):
        a.pb[v, lane] += a.qb[v, lane]


@compiled
def _leave_turn(lane: int, which: int, code: Any, data: Any, a: Any) -> None:
    """The adjoint of the time at which condition ``which`` changed: where its distance g from the change is zero."""
    if which < 0:  # nothing but the clock decides
        return
    shift = a.shift[lane] + _slope_against(lane, code, data, a)
    a.sr[:] = 0.0
    a.sr[which, lane] = 1.0
    a.qb[:] = 0.0
    call5(code[ROOTS_PULL], (data[Y], data[P], data[SR], data[POINT_BAR], data[QB]))
    speed = 0.0
    for v in range(a.bar.shape[0]):
        speed += a.point_bar[v, lane] * a.u[0, v, lane]
    for v in range(a.bar.shape[0]):
        a.bar[v, lane] -= shift / speed * a.point_bar[v, lane]
    for v in range(a.pb.shape[0]):
        a.pb[v, lane] -= shift / speed * a.qb[v, lane]


@compiled
def pull_solution(differential: int, bar: Any, code: Any, data: Any, a: Any) -> None:
    """The adjoint ``bar`` (state, lane) of algebraic states as functions of the differential ones, at ``y``.

    What the parameters have of it is left in ``qb``.
    """
    a.ihg[:] = HELD
    call5(code[FACTOR], (data[Y], data[P], data[IHG], data[LU], data[W]))
    a.m[0] = bar
    a.m[0, :differential] = 0.0
    call2(code[SOLVE], (data[LU], data[M]))
    a.m[0, :differential] = 0.0
    a.qb[:] = 0.0
    call7(code[RHS_PULL], (data[Y], data[P], data[M], data[V], data[XB], data[QB], data[W]))
    for v in range(bar.shape[0]):
        for lane in range(bar.shape[1]):
            bar[v, lane] = 0.0 if v >= differential else bar[v, lane] + a.xb[0, v, lane]


@compiled
def _leave_solution(lane: int, differential: int, code: Any, data: Any, a: Any) -> None:
    bar = a.bar.copy()
    pull_solution(differential, bar, code, data, a)
    for v in range(a.bar.shape[0]):
        a.bar[v, lane] = bar[v, lane]
    for v in range(a.pb.shape[0]):
        a.pb[v, lane] += a.qb[v, lane]
