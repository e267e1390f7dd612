"""Where in a step a condition changes first: found in the dense output.

The inside of a step is looked at in three points. A quantity that comes near its level between two of them, and goes away
again, is looked for with a polynomial through what was seen, and looked at where that is nearest.
"""

from typing import Any

import numpy as np

from hepatica.solver.calls import AT, DENSE, POINT, SEEN, THETA, WATCH, P, S, call1, call3, compiled

MOST_BISECTIONS = 100
NUDGES = 24
GRID = 32
NEAR = 1e-3
"""Part of the range within a step below which a distance counts as near its level, for another look."""


@compiled
def _differs(lane: int, seen: Any, watch: Any, p: Any) -> bool:
    sizes, mode = watch[0], watch[4]
    switches, events = sizes[0], sizes[1]
    if switches > 0 and p[sizes[4] + switches, lane] == 0.0:
        for k in range(switches):
            if seen[k, lane] != mode[lane, k]:
                return True
    differ = False
    for k in range(switches, switches + events):
        differ = differ or (seen[k, lane] != 0.0) != (mode[lane, k] != 0.0)
    return differ


@compiled
def _look_at(theta: Any, state: Any, arrays: Any, timer: int, code: Any, data: Any) -> None:
    """Evaluate the conditions at a fraction of the step of each lane."""
    t, h = state[4], state[5]
    point = arrays[7]
    call3(code[AT], (data[S], data[THETA], data[POINT]))
    if timer >= 0:
        for lane in range(theta.shape[0]):
            point[timer, lane] = t[lane] + theta[lane] * h[lane]
    call3(code[WATCH], (data[POINT], data[P], data[SEEN]))


@compiled
def _quartic(d: Any, x: float) -> Any:
    """Give the polynomial through five values at 0, 1/4, ..., 1 (Newton's form)."""
    a, b, c, e = d[1] - d[0], d[2] - d[1], d[3] - d[2], d[4] - d[3]
    ab, bc, ce = b - a, c - b, e - c
    q = 4.0 * x
    third, fourth = bc - ab, (ce - bc) - (bc - ab)
    return d[0] + q * (a + (q - 1.0) / 2.0 * (ab + (q - 2.0) / 3.0 * (third + (q - 3.0) / 4.0 * fourth)))


@compiled
def _nearest(d: Any) -> float:
    """Give where, between the five points, a distance of one sign comes nearest to zero; -1 where it stays away."""
    sign, least, most = 1.0 if d[0] > 0.0 else -1.0, np.inf, -np.inf
    for i in range(5):
        x = sign * d[i]
        if not x > 0.0:
            return -1.0
        least, most = min(least, x), max(most, x)
    place, best = -1.0, least
    for i in range(1, 4 * GRID):
        x = sign * _quartic(d, i / (4.0 * GRID))
        if x < best:
            place, best = i / (4.0 * GRID), x
    if place < 0.0:
        return -1.0
    low, high = place - 0.25 / GRID, place + 0.25 / GRID
    for _ in range(40):  # thirds, to where the polynomial is flat to the last digits
        left, right = low + (high - low) / 3.0, high - (high - low) / 3.0
        if sign * _quartic(d, left) < sign * _quartic(d, right):
            high = right
        else:
            low = left
    place = 0.5 * (low + high)
    return place if sign * _quartic(d, place) < NEAR * (most - least) else -1.0


@compiled
def _see(i: int, levels: Any, first: int, seen: Any) -> None:
    for k in range(levels.shape[1]):
        for lane in range(levels.shape[2]):
            levels[i, k, lane] = seen[first + k, lane]


@compiled
def _look_near(
    levels: Any, low: Any, high: Any, state: Any, arrays: Any, watch: Any, timer: int, code: Any, data: Any
) -> bool:
    """Look at every step where a quantity comes near its level between the points; tells whether a condition changed."""
    ok, turned = state[9], state[12]
    p, theta, seen = arrays[1], arrays[6], arrays[10]
    lanes, found = ok.shape[0], False
    level, looked = np.zeros(lanes, np.int64), np.zeros(lanes, np.bool_)
    while True:
        some = False
        for lane in range(lanes):
            looked[lane], theta[lane] = False, 1.0
            while ok[lane] and not looked[lane] and level[lane] < levels.shape[1]:
                at = _nearest(levels[:, level[lane], lane])
                level[lane] += 1
                if at > 0.0 and at < high[lane]:
                    looked[lane], theta[lane], some = True, at, True
        if not some:
            return found
        _look_at(theta, state, arrays, timer, code, data)
        for lane in range(lanes):
            if looked[lane] and _differs(lane, seen, watch, p):
                turned[lane], high[lane], found = True, theta[lane], True
                low[lane] = min(low[lane], np.floor(4.0 * theta[lane]) / 4.0)


@compiled
def _look_inside(
    low: Any, high: Any, levels: Any, state: Any, arrays: Any, watch: Any, timer: int, code: Any, data: Any
) -> bool:
    """Look at three points in every step, and where something comes near its level; tells whether a condition changed.

    ``low`` and ``high`` become the last point before the first change seen, and that point. ``levels``: what was seen at the
    end stands in its last row.
    """
    ok, turned = state[9], state[12]
    p, theta, seen, sizes = arrays[1], arrays[6], arrays[10], watch[0]
    lanes, found, first = ok.shape[0], False, sizes[0] + sizes[1] + sizes[2]
    for quarter in range(0 if sizes[10] > 0 else 1, 4):
        for lane in range(lanes):
            theta[lane] = 0.25 * quarter
        _look_at(theta, state, arrays, timer, code, data)
        _see(quarter, levels, first, seen)
        for lane in range(lanes if quarter > 0 else 0):
            if ok[lane] and high[lane] == 1.0 and _differs(lane, seen, watch, p):
                turned[lane], high[lane], found = True, theta[lane], True
            elif high[lane] == 1.0:
                low[lane] = theta[lane]
    return (_look_near(levels, low, high, state, arrays, watch, timer, code, data) if sizes[10] > 0 else False) or found


@compiled
def _bisect(low: Any, high: Any, state: Any, arrays: Any, watch: Any, timer: int, code: Any, data: Any) -> None:
    t, h, reach, turned = state[4], state[5], state[10], state[12]
    p, theta, seen = arrays[1], arrays[6], arrays[10]
    lanes = t.shape[0]
    going = np.zeros(lanes, np.bool_)
    for k in range(MOST_BISECTIONS):
        wide = False
        for lane in range(lanes):
            theta[lane] = 0.5 * (low[lane] + high[lane])
            if k == 0 and high[lane] == 1.0:  # most often the step was made to end at the change
                theta[lane] = max(1.0 - 8e-16 * max(1.0, abs(reach[lane] / h[lane])), low[lane])
            inside = theta[lane] > low[lane] and theta[lane] < high[lane] and high[lane] - low[lane] > 1e-15
            moves = low[lane] > 0.0 or t[lane] + theta[lane] * h[lane] > t[lane]
            going[lane] = turned[lane] and inside and moves
            wide = wide or going[lane]
        if not wide:
            break
        _look_at(theta, state, arrays, timer, code, data)
        for lane in range(lanes):
            if going[lane]:
                if _differs(lane, seen, watch, p):
                    high[lane] = theta[lane]
                else:
                    low[lane] = theta[lane]


@compiled
def locate(state: Any, arrays: Any, watch: Any, timer: int, code: Any, data: Any) -> None:
    """Find in every accepted step where a condition changes first; ``reach`` becomes that time, ``part`` the fraction."""
    t, h, ok, reach, part, turned = state[4], state[5], state[9], state[10], state[11], state[12]
    s, p, theta, point, seen = arrays[0], arrays[1], arrays[6], arrays[7], arrays[10]
    sizes, due, when, slides = watch[0], watch[9], watch[10], watch[11]
    lanes = ok.shape[0]
    low, high, levels = np.zeros(lanes), np.ones(lanes), np.zeros((5, sizes[10], lanes))
    for v in range(s.shape[0]):
        for lane in range(lanes):
            point[v, lane] = s[v, 1, lane]
    for lane in range(lanes):
        theta[lane] = 1.0
        if timer >= 0:
            point[timer, lane] = reach[lane]
    call3(code[WATCH], (data[POINT], data[P], data[SEEN]))
    _see(4, levels, sizes[0] + sizes[1] + sizes[2], seen)
    anything = False
    for lane in range(lanes):
        turned[lane] = ok[lane] and _differs(lane, seen, watch, p)
        anything = anything or turned[lane]
    if sizes[3] > 0 or anything:
        call1(code[DENSE], (data[S],))
    if sizes[3] > 0:
        anything = _look_inside(low, high, levels, state, arrays, watch, timer, code, data) or anything
    if anything:
        _bisect(low, high, state, arrays, watch, timer, code, data)
    for lane in range(lanes):
        # what an algebraic equation settles may be behind the dense output: get on, a little more each time
        least = 1e-15 * max(abs(t[lane]), 1e-300) * 4.0 ** min(slides[lane], 40)
        if turned[lane] and slides[lane] > 0 and high[lane] < 1.0:
            high[lane] = min(max(high[lane], least / h[lane]), 1.0)
    for lane in range(lanes):
        part[lane] = high[lane] if turned[lane] else 1.0
        if turned[lane] and high[lane] < 1.0:
            reach[lane] = t[lane] + high[lane] * h[lane]
    _nudge(state, arrays, watch, timer, code, data)
    for lane in range(lanes):
        turned[lane] = turned[lane] or (ok[lane] and (reach[lane] >= due[lane] or reach[lane] >= when[lane]))


@compiled
def _nudge(state: Any, arrays: Any, watch: Any, timer: int, code: Any, data: Any) -> None:
    """Move a step that ends where a condition should change, and does not, to where it does (``time > 10`` at ten)."""
    ok, reach, turned = state[9], state[10], state[12]
    s, p, point, seen, when = arrays[0], arrays[1], arrays[7], arrays[10], watch[10]
    lanes = ok.shape[0]
    some = False
    for lane in range(lanes):
        some = some or (ok[lane] and not turned[lane] and reach[lane] >= when[lane])
    if not some or timer < 0:
        return
    for v in range(s.shape[0]):
        for lane in range(lanes):
            point[v, lane] = s[v, 1, lane]
    for q in range(NUDGES):
        for lane in range(lanes):
            point[timer, lane] = reach[lane] + max(abs(reach[lane]), 1e-300) * 2.3e-16 * 2.0**q
        call3(code[WATCH], (data[POINT], data[P], data[SEEN]))
        for lane in range(lanes):
            if ok[lane] and not turned[lane] and reach[lane] >= when[lane] and _differs(lane, seen, watch, p):
                turned[lane], reach[lane] = True, point[timer, lane]


@compiled
def truncate(state: Any, arrays: Any, code: Any, data: Any) -> None:
    """Make what the dense output says at ``part`` the new state of lanes whose step ends early."""
    part = state[11]
    s, theta, point = arrays[0], arrays[6], arrays[7]
    early = False
    for lane in range(part.shape[0]):
        theta[lane] = part[lane]
        early = early or part[lane] < 1.0
    if early:
        call3(code[AT], (data[S], data[THETA], data[POINT]))
        for v in range(s.shape[0]):
            for lane in range(part.shape[0]):
                if part[lane] < 1.0:
                    s[v, 1, lane] = point[v, lane]
