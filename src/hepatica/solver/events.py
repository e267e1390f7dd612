"""Conditions and events: a step ends where a condition changes, and then happens what SBML says.

Between two changes the equations are smooth: the modes in p hold every condition at its value. After a step the conditions
are evaluated; where one differs from its mode, its change is located in the dense output and the step ends there.
"""

from typing import Any

import numpy as np

from hepatica.compiler.kernel import Conditions
from hepatica.solver.calls import (
    FACTOR,
    HAPPEN,
    IHG,
    LU,
    NEWS,
    POINT,
    RHS,
    SEEN,
    SOLVE,
    STAGE,
    WATCH,
    P,
    S,
    W,
    call2,
    call3,
    call4,
    call5,
    compiled,
)
from hepatica.solver.notes import ASSIGNED, SOLVED, TRIGGERED, note
from hepatica.solver.status import Status

OK, ENDLESS, NO_SOLUTION = int(Status.OK), int(Status.ENDLESS_EVENTS), int(Status.NO_CONSISTENT_START)
HELD = 1e200  # stands for 1/(h gamma) where a differential state must not move
MOST_ROUNDS = 10_000
MOST_NEWTON, MOST_SETTLINGS = 100, 4
MOST_FAST, FAST_GROWTH, AT_REST = 200, 1.5, 1e-13
NEAR_ZERO = 10.0
FAST_PACE = 1e9
"""By how much a fast reaction is faster than its rate says."""
SLIDES, CHATTER, NO_PROGRESS = 10, 1000, 1e-3
SHORT = 1e-10
QUEUE = 256


def make_watch(
    conditions: Conditions, parameters: int, differential: int, algebraic: int, lanes: int
) -> tuple[Any, ...]:
    """Give the tables of a model's conditions and the memory of the lanes, as the control loop reads them.

    ``sizes`` holds switches, events, times, whether to sample, the places in p of the first mode and of the paces, the
    numbers of differential and algebraic states, whether there are fast reactions, and powers, levels; then come flags and states
    of events; then for each lane: modes, the queue of pending events (time, event, values, how many), the next due event, the
    next change in time, how often it slid, the state of its random numbers, and how many steps turned since when, without getting on.
    """
    events = conditions.events
    paces = parameters + conditions.past
    sizes = [
        conditions.switches, len(events), conditions.times, int(conditions.sampled),
        paces + 2 * conditions.fast + conditions.powers, paces, differential, algebraic, int(conditions.fast),
        int(conditions.powers), conditions.levels,
    ]  # fmt: skip
    flags = np.array([[e.initial_value, e.persistent, e.at_trigger] for e in events], np.int64).reshape(-1, 3)
    first = np.cumsum([0, *(len(e.states) for e in events)]).astype(np.int64)
    states = np.array([i for e in events for i in e.states], np.int64)
    room = QUEUE if events else 1
    return (
        np.array(sizes, np.int64), flags, first, states,
        np.zeros((lanes, conditions.switches + len(events))), np.zeros((lanes, room)), np.zeros((lanes, room), np.int64),
        np.zeros((lanes, room, max(1, len(states)))), np.zeros(lanes, np.int64), np.full(lanes, np.inf), np.full(lanes, np.inf),
        np.zeros(lanes, np.int64), np.zeros(lanes, np.uint64), np.zeros(lanes, np.int64), np.zeros(lanes),
    )  # fmt: skip


@compiled
def _newton(lane: int, inverse: float, arrays: Any, watch: Any, code: Any, data: Any) -> Any:
    """Solve (inverse - J) x = f for all states, or for the algebraic ones where the others are held; gives the change.

    Infinite when there is no solution.
    """
    s, ihg = arrays[0], arrays[3]
    size, differential = s.shape[0], watch[0][6]
    for q in range(ihg.shape[0]):
        ihg[q] = inverse
    call5(code[FACTOR], (data[S], data[P], data[IHG], data[LU], data[W]))
    for v in range(size):
        for q in range(s.shape[2]):
            s[v, 2, q] = 0.0
    call4(code[RHS], (data[S], data[P], data[STAGE], data[W]))
    for v in range(differential if inverse == HELD else 0):
        s[v, 2, lane] = 0.0
    call2(code[SOLVE], (data[LU], data[STAGE]))
    change = 0.0
    for v in range(differential if inverse == HELD else 0, size):
        x = s[v, 2, lane]
        s[v, 0, lane] += x
        change = max(change, abs(x) / (abs(s[v, 0, lane]) + 1e-12)) if np.isfinite(x) else np.inf
    return change


@compiled
def settle_algebraic(lane: int, arrays: Any, watch: Any, code: Any, data: Any) -> Any:
    """Bring fast reactions to rest, then solve the algebraic equations for the algebraic states."""
    if watch[0][8] > 0:
        _rest_fast(lane, arrays, watch, code, data)
    return solve_algebraic(lane, arrays, watch, code, data) if watch[0][7] > 0 else OK


@compiled
def solve_algebraic(lane: int, arrays: Any, watch: Any, code: Any, data: Any) -> Any:
    """Solve the algebraic equations for the algebraic states of a lane (Newton's method); the first stages are lost."""
    last = np.inf
    for _ in range(MOST_NEWTON):
        change = _newton(lane, HELD, arrays, watch, code, data)
        if not np.isfinite(change):
            return NO_SOLUTION
        if change <= 1e-14 or (change <= 1e-9 and change >= last):
            return OK
        last = change
    return NO_SOLUTION


@compiled
def _rest_fast(lane: int, arrays: Any, watch: Any, code: Any, data: Any) -> None:
    """Follow the fast reactions alone to where they rest, in growing steps of the implicit Euler method.

    A rest that they run away from is none, so that of several it is the one that they reach.
    """
    s, p, place = arrays[0], arrays[1], watch[0][5]
    p[place, lane], p[place + 1, lane] = 1.0, 0.0
    for v in range(s.shape[0]):
        for q in range(s.shape[2]):
            s[v, 2, q] = 0.0
    call4(code[RHS], (data[S], data[P], data[STAGE], data[W]))
    largest, fastest = 1e-12, 0.0
    for v in range(s.shape[0]):
        largest, fastest = max(largest, abs(s[v, 0, lane])), max(fastest, abs(s[v, 2, lane]))
    inverse = max(100.0 * fastest / largest, 1e-6)
    for _ in range(MOST_FAST):
        if not _newton(lane, inverse, arrays, watch, code, data) > AT_REST:
            break
        inverse /= FAST_GROWTH
    p[place, lane], p[place + 1, lane] = FAST_PACE, 1.0


@compiled
def begin_watch(lane: int, key: int, arrays: Any, watch: Any) -> None:
    """Forget what a lane has pending; triggers count as they do before time zero; ``key`` seeds the random numbers."""
    sizes, flags, mode, p = watch[0], watch[1], watch[4], arrays[1]
    switches = sizes[0]
    for e in range(sizes[1]):
        mode[lane, switches + e] = flags[e, 0]
    if switches > 0:
        p[sizes[4] + switches, lane] = 0.0
    if sizes[9] > 0:
        p[sizes[4] - 1, lane] = NEAR_ZERO * arrays[13][1, lane]
    if sizes[8] > 0:
        p[sizes[5], lane], p[sizes[5] + 1, lane] = FAST_PACE, 1.0
    watch[8][lane], watch[11][lane], watch[12][lane] = 0, 0, np.uint64(key)
    watch[13][lane], watch[14][lane] = 0, -np.inf


@compiled
def _set_modes(lane: int, arrays: Any, watch: Any, code: Any, data: Any) -> Any:
    """Evaluate the conditions in the state of a lane and hold them; tells whether one changed."""
    s, p, point, seen = arrays[0], arrays[1], arrays[7], arrays[10]
    sizes, mode = watch[0], watch[4]
    for v in range(s.shape[0]):
        point[v, lane] = s[v, 0, lane]
    call3(code[WATCH], (data[POINT], data[P], data[SEEN]))
    changed = False
    for k in range(sizes[0]):
        changed = changed or p[sizes[4] + k, lane] != seen[k, lane]
        mode[lane, k] = seen[k, lane]
        p[sizes[4] + k, lane] = seen[k, lane]
    return changed


@compiled
def first_change(lane: int, arrays: Any, watch: Any, code: Any, data: Any) -> Any:
    """Give the first condition that differs from its mode in the state of a lane, or -1."""
    s, point, seen, mode = arrays[0], arrays[7], arrays[10], watch[4]
    for v in range(s.shape[0]):
        point[v, lane] = s[v, 0, lane]
    call3(code[WATCH], (data[POINT], data[P], data[SEEN]))
    for k in range(watch[0][0]):
        if seen[k, lane] != mode[lane, k]:
            return k
    return -1


@compiled
def turn(lane: int, now: float, arrays: Any, watch: Any, code: Any, data: Any, state: Any, record: Any) -> Any:
    """Bring modes up to date and let happen what is due, until nothing more is; gives a status."""
    s, p, seen, news = arrays[0], arrays[1], arrays[10], arrays[11]
    sizes, flags, first, targets, mode, q_time, q_event, q_value, q_size, due, when, _slides, chance, _turns, _since = (
        watch
    )
    switches, events = sizes[0], sizes[1]
    status = OK
    for _ in range(MOST_ROUNDS):
        for _ in range(MOST_SETTLINGS):
            changed = _set_modes(lane, arrays, watch, code, data)
            status = settle_algebraic(lane, arrays, watch, code, data)
            if status != OK:
                return status
            if sizes[7] > 0:
                note(record, state, lane, SOLVED, 0, 0.0, 1.0, s[:, 0], p)
            if not changed or sizes[7] + sizes[8] == 0:
                break
        _set_modes(lane, arrays, watch, code, data)
        if events > 0:
            call3(code[HAPPEN], (data[POINT], data[P], data[NEWS]))
        for e in range(events):
            true, was = seen[switches + e, lane] != 0.0, mode[lane, switches + e] != 0.0
            mode[lane, switches + e] = 1.0 if true else 0.0
            if true and not was:
                room = q_size[lane]
                if room >= q_time.shape[1]:
                    return ENDLESS
                note(record, state, lane, TRIGGERED, e, 0.0, 1.0, s[:, 0], p)
                q_time[lane, room], q_event[lane, room] = now + news[2 * e, lane], e
                for a in range(first[e], first[e + 1]):
                    q_value[lane, room, a - first[e]] = news[2 * events + a, lane]
                q_size[lane] += 1
            elif was and not true and flags[e, 1] == 0:
                _drop_event(lane, e, q_time, q_event, q_value, q_size)
        best, ties = -1, 1
        for q in range(q_size[lane]):
            if q_time[lane, q] > now:
                continue
            lead = 1.0 if best < 0 else _lead(q, best, lane, q_event, news)
            # SBML wants equal priorities in random order; without priorities it is the order of triggering
            ties = 1 if lead > 0.0 else ties + 1 if lead == 0.0 else ties
            if lead > 0.0 or (lead == 0.0 and _draw(lane, chance) * ties < 1.0):
                best = q
        if best < 0:
            break
        e = q_event[lane, best]
        note(record, state, lane, ASSIGNED, e, 0.0, 1.0, s[:, 0], p)
        for a in range(first[e], first[e + 1]):
            value = q_value[lane, best, a - first[e]] if flags[e, 2] == 1 else news[2 * events + a, lane]
            s[targets[a], 0, lane] = value * news[2 * events + first[events] + a, lane]
        _drop(lane, best, q_time, q_event, q_value, q_size)
    else:
        return ENDLESS
    due[lane], when[lane] = np.inf, np.inf
    for q in range(q_size[lane]):
        due[lane] = min(due[lane], q_time[lane, q])
    for k in range(sizes[2]):
        x = seen[switches + events + k, lane]
        if x > now:
            when[lane] = min(when[lane], x)
    return OK


@compiled
def _lead(q: int, best: int, lane: int, q_event: Any, news: Any) -> Any:
    """By how much an event goes before another one; NaN when neither has a priority."""
    return news[2 * q_event[lane, q] + 1, lane] - news[2 * q_event[lane, best] + 1, lane]


@compiled
def _draw(lane: int, chance: Any) -> Any:
    """Give a random number in [0, 1) (SplitMix64, G. L. Steele et al., doi:10.1145/2660193.2660195)."""
    chance[lane] += np.uint64(0x9E3779B97F4A7C15)
    z = chance[lane]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) * 2.0**-53


@compiled
def _drop(lane: int, q: int, q_time: Any, q_event: Any, q_value: Any, q_size: Any) -> None:
    for i in range(q, q_size[lane] - 1):
        q_time[lane, i], q_event[lane, i] = q_time[lane, i + 1], q_event[lane, i + 1]
        for a in range(q_value.shape[2]):
            q_value[lane, i, a] = q_value[lane, i + 1, a]
    q_size[lane] -= 1


@compiled
def _drop_event(lane: int, event: int, q_time: Any, q_event: Any, q_value: Any, q_size: Any) -> None:
    for q in range(q_size[lane] - 1, -1, -1):
        if q_event[lane, q] == event:
            _drop(lane, q, q_time, q_event, q_value, q_size)


@compiled
def slid(lane: int, now: float, arrays: Any, watch: Any) -> bool:
    """Tell whether a lane was freed from its modes, or has turned again and again without getting on."""
    sizes = watch[0]
    freed = sizes[0] > 0 and arrays[1][sizes[4] + sizes[0], lane] == 1.0
    return bool(freed or (watch[13][lane] > CHATTER and now - watch[14][lane] <= NO_PROGRESS * abs(now)))


@compiled
def slide(lane: int, begin: float, arrays: Any, watch: Any, state: Any) -> None:
    """Free a lane from its modes when its steps end at a switch again and again without getting on."""
    sizes, slides, p, reach = watch[0], watch[11], arrays[1], state[10]
    if begin - watch[14][lane] > NO_PROGRESS * abs(begin):
        watch[13][lane], watch[14][lane] = 0, begin
    watch[13][lane] += 1
    short = reach[lane] - begin <= SHORT * max(abs(begin), SHORT)
    slides[lane] = slides[lane] + 1 if short else 0
    if sizes[0] > 0 and slides[lane] >= SLIDES:
        p[sizes[4] + sizes[0], lane] = 1.0
