"""The tangent between steps: starts of segments, changes of conditions, events, and solutions of algebraic equations."""

from typing import Any

from hepatica.solver.calls import caller, compiled
from hepatica.solver.drive import SCALE, SET_TO
from hepatica.solver.events import HELD
from hepatica.solver.notes import ASSIGNED, KIND, SEGMENT, SOLVED, TRIGGERED, TURNED, WHICH
from hepatica.solver.replay import load_parameters, load_row, value_before
from hepatica.solver.tangent_space import (
    ASSIGN,
    DU,
    DX,
    FACTOR,
    IHG,
    INITIAL,
    LU,
    PREPARE,
    PREPARED,
    RHS,
    ROOTED,
    ROOTS,
    SLOPES,
    STARTED,
    SWEEP,
    A,
    D,
    F,
    P,
    Q,
    U,
    W,
    X,
    Y,
)
from hepatica.solver.tangent_space import ASSIGNED as NEW_VALUES

call2, call3, call4, call5, call6, call8 = (caller(n) for n in (2, 3, 4, 5, 6, 8))


@compiled
def seed_parameters(lane: int, segment: int, draw: int, run: Any, tables: Any, seeds: Any) -> None:
    """How the parameters of a segment move in each direction."""
    used, column, direction, weight = seeds
    plan, dose = run.plan, run.parameter_dose
    n, kind = 0, draw % (tables.moved_first.shape[0] - 1)
    for e in range(tables.moved_first[kind], tables.moved_first[kind + 1]):
        column[lane, n], direction[lane, n], weight[lane, n] = tables.moved[e, 0], tables.moved[e, 1], tables.weight[e]
        n += 1
    first, last = plan[2][segment], plan[2][segment + 1]
    for q in range(first, last):
        i, how, value = plan[3][q], plan[4][q], plan[5][q]
        c = tables.place[i]
        if c < 0:
            continue
        if how in (SET_TO, SCALE):
            factor = 0.0 if how == SET_TO else value
            for e in range(n):
                if column[lane, e] == c:
                    weight[lane, e] *= factor
        if dose[q] >= 0:
            slope = value_before(run.base[draw, i], first, q, plan[3], plan[4], plan[5]) if how == SCALE else 1.0
            column[lane, n], direction[lane, n], weight[lane, n] = c, dose[q], slope
            n += 1
    used[lane] = n


@compiled
def start_tangent(lane: int, row: int, dy0: Any, tables: Any, seeds: Any, code: Any, data: Any, a: Any) -> None:
    """The tangent of an initial state before the first segment's changes; ``row`` of ``dy0``, or -1: the model's own."""
    dy = a.dy[lane]
    wide = dy.shape[2]
    dy[:] = 0.0
    if row >= 0:
        for v in range(dy0.shape[1]):
            for d in range(min(dy0.shape[2], dy.shape[0] * wide)):
                dy[d // wide, v, d % wide] = dy0[row, v, d]
        return
    used, column, direction, weight = seeds
    call2(code[INITIAL], (data[P], data[STARTED]))
    for e in range(tables.initial.shape[0]):
        for t in range(used[lane]):
            if column[lane, t] == tables.initial[e, 1]:
                d = direction[lane, t]
                dy[d // wide, tables.initial[e, 0], d % wide] += a.started[e, lane] * weight[lane, t]
    for d in range(tables.state.shape[0]):
        if tables.state[d] >= 0:
            dy[d // wide, tables.state[d], d % wide] += 1.0


@compiled
def change_tangent(segment: int, run: Any, before: Any, dy: Any) -> None:
    """The tangent of a segment's changes of the state, whose values before them are ``before``."""
    plan, dose = run.plan, run.state_dose
    wide, first = dy.shape[2], plan[6][segment]
    for q in range(first, plan[6][segment + 1]):
        i, how, value = plan[7][q], plan[8][q], plan[9][q]
        if how in (SET_TO, SCALE):
            dy[:, i, :] *= 0.0 if how == SET_TO else value
        if dose[q] >= 0:
            slope = value_before(before[i], first, q, plan[7], plan[8], plan[9]) if how == SCALE else 1.0
            dy[dose[q] // wide, i, dose[q] % wide] += slope


@compiled
def enter_segment(
    lane: int,
    row: int,
    task: int,
    begins: Any,
    rows: Any,
    run: Any,
    dy0: Any,
    tables: Any,
    seeds: Any,
    code: Any,
    data: Any,
    a: Any,
) -> None:
    """Go over the start of a segment; ``begins``: it is the first of its task."""
    segment, draw = rows.where[row, SEGMENT], run.tasks[task, 1]
    load_parameters(lane, segment, draw, run.base, run.plan, a.p)
    call2(code[PREPARE], (data[P], data[PREPARED]))
    seed_parameters(lane, segment, draw, run, tables, seeds)
    if begins:
        start_tangent(lane, run.tasks[task, 2], dy0, tables, seeds, code, data, a)
    change_tangent(segment, run, rows.states[row], a.dy[lane])


@compiled
def add_sources(lane: int, stage: int, block: int, tables: Any, seeds: Any, f: Any, b: Any) -> None:
    """Add ``F dp`` of a stage to its right-hand side for the directions of a block."""
    first, row = tables.source_first, tables.source_row
    used, column, direction, weight = seeds
    wide = b.shape[1]
    for t in range(used[lane]):
        d = direction[lane, t] - block * wide
        if d < 0 or d >= wide:
            continue
        c, w = column[lane, t], weight[lane, t]
        for e in range(first[c], first[c + 1]):
            b[row[e], d] += w * f[stage, e, lane]


@compiled
def add_jacobian(lane: int, places: Any, jacobian: Any, s: Any, b: Any) -> None:
    """``b += J s`` for the directions of a block."""
    for e in range(places.shape[0]):
        for d in range(s.shape[1]):
            b[places[e, 0], d] += jacobian[e, lane] * s[places[e, 1], d]


@compiled
def _shift_by(lane: int, sign: float, code: Any, data: Any, a: Any) -> None:
    """Add ``sign dy/dt`` times the tangent of the event's time to that of the state."""
    a.u[0] = 0.0
    call4(code[RHS], (data[Y], data[P], data[U], data[W]))
    dy, shift = a.dy[lane], a.shift[lane]
    wide = dy.shape[2]
    for block in range(dy.shape[0]):
        for v in range(dy.shape[1]):
            for d in range(wide):
                dy[block, v, d] += sign * a.u[0, v, lane] * shift[block * wide + d]


@compiled
def end_jump(lane: int, row: int, rows: Any, code: Any, data: Any, a: Any) -> None:
    """Go on from an event: the tangent at a fixed time again."""
    load_row(lane, row, rows, a.y, a.p)
    _shift_by(lane, -1.0, code, data, a)
    a.shift[lane, :] = 0.0


@compiled
def cross_jump(
    lane: int, row: int, rows: Any, events: Any, tables: Any, seeds: Any, code: Any, data: Any, a: Any
) -> None:
    """Go over what happens between two steps."""
    kind, which = rows.where[row, KIND], rows.where[row, WHICH]
    load_row(lane, row, rows, a.y, a.p)
    if kind == TURNED:
        _turn(lane, which, tables, seeds, code, data, a)
    elif kind == TRIGGERED:
        if events.at_trigger[which] == 1:
            _values(lane, which, events, tables, seeds, code, data, a)
    elif kind == ASSIGNED:
        if events.at_trigger[which] == 0:
            _values(lane, which, events, tables, seeds, code, data, a)
        wide = a.dy.shape[3]
        for k in range(events.first[which], events.first[which + 1]):
            for d in range(a.news.shape[2]):
                a.dy[lane, d // wide, events.targets[k], d % wide] = a.news[lane, k, d]
    elif kind == SOLVED:
        jacobian = begin_solution(code, data, a)
        for block in range(a.dy.shape[1]):
            solve_tangents(lane, block, events.differential, a.dy[lane, block], jacobian, tables, seeds, code, data, a)


@compiled
def _outputs(lane: int, output: int, entries: Any, values: Any, seeds: Any, dy: Any, out: Any) -> None:
    """Add the tangent of an output, in all directions."""
    used, column, direction, weight = seeds
    wide = dy.shape[2]
    for e in range(entries.shape[0]):
        if entries[e, 0] != output:
            continue
        if entries[e, 1] == 0:
            for d in range(out.shape[0]):
                out[d] += values[e, lane] * dy[d // wide, entries[e, 2], d % wide]
        else:
            for t in range(used[lane]):
                if column[lane, t] == entries[e, 2]:
                    out[direction[lane, t]] += values[e, lane] * weight[lane, t]


@compiled
def _turn(lane: int, which: int, tables: Any, seeds: Any, code: Any, data: Any, a: Any) -> None:
    """Move on to the time at which condition ``which`` changed: where its distance from the change is zero."""
    shift = a.shift[lane]
    shift[:] = 0.0
    if which < 0:  # nothing but the clock decides
        return
    call3(code[ROOTS], (data[Y], data[P], data[ROOTED]))
    a.u[0] = 0.0
    call4(code[RHS], (data[Y], data[P], data[U], data[W]))
    _outputs(lane, which, tables.rooted, a.rooted, seeds, a.dy[lane], shift)
    speed = 0.0
    for e in range(tables.rooted.shape[0]):
        if tables.rooted[e, 0] == which and tables.rooted[e, 1] == 0:
            speed += a.rooted[e, lane] * a.u[0, tables.rooted[e, 2], lane]
    for d in range(shift.shape[0]):
        shift[d] = -shift[d] / speed
    _shift_by(lane, 1.0, code, data, a)


@compiled
def _values(lane: int, event: int, events: Any, tables: Any, seeds: Any, code: Any, data: Any, a: Any) -> None:
    """The tangents of the new values of an event, as functions of the state."""
    call3(code[ASSIGN], (data[Y], data[P], data[NEW_VALUES]))
    for k in range(events.first[event], events.first[event + 1]):
        a.news[lane, k, :] = 0.0
        _outputs(lane, k, tables.assigned, a.assigned, seeds, a.dy[lane], a.news[lane, k])


@compiled
def begin_solution(code: Any, data: Any, a: Any) -> Any:
    """Take the factors and the derivatives that the tangents of algebraic states need, at ``y``; gives the Jacobian."""
    a.x[0] = a.y
    a.u[0] = 0.0
    a.ihg[:] = HELD
    call5(code[FACTOR], (data[Y], data[P], data[IHG], data[LU], data[W]))
    call8(code[SLOPES], (data[X], data[U], data[D], data[P], data[A], data[Q], data[F], data[W]))
    jacobian = a.a[0].copy()
    a.a[0], a.q[0] = 0.0, 0.0  # what the sweep would add besides solving
    return jacobian


@compiled
def solve_tangents(
    lane: int,
    block: int,
    differential: int,
    s: Any,
    jacobian: Any,
    tables: Any,
    seeds: Any,
    code: Any,
    data: Any,
    a: Any,
) -> None:
    """Make the tangents ``s`` (state, direction) of algebraic states those of functions of the differential ones."""
    number, b, kept = 8 * lane, a.du[0, 0], a.du[0, 0].copy()
    b[:] = 0.0
    add_sources(lane, 0, block, tables, seeds, a.f, b)
    add_jacobian(lane, tables.jacobian, jacobian, s, b)
    b[:differential] = 0.0
    a.dx[:] = 0.0
    call6(code[SWEEP], (data[A] + number, data[Q] + number, data[LU] + number, data[DX], data[DX], data[DU]))
    for v in range(differential, a.y.shape[0]):
        for d in range(s.shape[1]):
            s[v, d] += b[v, d]
    b[:] = kept
