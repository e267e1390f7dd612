"""What delayed quantities were: after each step a polynomial of degree four over it goes into the memory of the lane."""

from typing import Any

import numpy as np

from hepatica.compiler.kernel import Conditions
from hepatica.solver.calls import AT, DENSE, PAST, POINT, REMEMBER, THETA, P, S, call1, call3, compiled

HEADER, COEFFICIENTS, RECORDS = 3, 5, 16_384


def make_memory(conditions: Conditions, parameters: int, lanes: int) -> tuple[Any, ...]:
    """Give the memory of the lanes, the address of each, and the longest step that each may make."""
    width = conditions.delayed
    room = HEADER + width + RECORDS * (2 + COEFFICIENTS * width) if width else 1
    memory = np.zeros((lanes, room))
    addresses = np.array([memory[lane].ctypes.data for lane in range(lanes)], np.int64)
    return (
        memory,
        addresses.view(np.float64),
        np.full(lanes, np.inf),
        np.array([width, conditions.delays, parameters], np.int64),
    )


@compiled
def begin_past(lane: int, arrays: Any, past: Any, code: Any, data: Any) -> None:
    """Empty a lane's memory; before the start everything was as it is at the start."""
    s, p, point, values = arrays[0], arrays[1], arrays[7], arrays[12]
    memory, addresses, _most, sizes = past
    width = sizes[0]
    p[sizes[2], lane] = addresses[lane]
    memory[lane, 0], memory[lane, 1], memory[lane, 2] = 0.0, RECORDS, width
    for _ in range(2):  # a delayed quantity may depend on another one
        for v in range(s.shape[0]):
            point[v, lane] = s[v, 0, lane]
        call3(code[REMEMBER], (data[POINT], data[P], data[PAST]))
        for k in range(width):
            memory[lane, HEADER + k] = values[width + sizes[1] + k, lane]
    _limit(lane, values, past)


@compiled
def _limit(lane: int, values: Any, past: Any) -> None:
    """No step is longer than the shortest delay: what it needs must have been."""
    most, sizes = past[2], past[3]
    most[lane] = np.inf
    for k in range(sizes[0], sizes[0] + sizes[1]):
        if values[k, lane] > 0.0:
            most[lane] = min(most[lane], values[k, lane])


@compiled
def remember(state: Any, arrays: Any, past: Any, timer: int, code: Any, data: Any) -> None:
    """Put the accepted step of every lane into its memory."""
    t, h, ok, reach, part = state[4], state[5], state[9], state[10], state[11]
    theta, point, values = arrays[6], arrays[7], arrays[12]
    memory, _addresses, _most, sizes = past
    width, lanes = sizes[0], ok.shape[0]
    call1(code[DENSE], (data[S],))
    samples = np.zeros((5, width, lanes))
    for quarter in range(5):
        for lane in range(lanes):
            theta[lane] = 0.25 * quarter * part[lane]
        call3(code[AT], (data[S], data[THETA], data[POINT]))
        if timer >= 0:
            for lane in range(lanes):
                point[timer, lane] = t[lane] + theta[lane] * h[lane]
        call3(code[REMEMBER], (data[POINT], data[P], data[PAST]))
        for k in range(width):
            for lane in range(lanes):
                samples[quarter, k, lane] = values[k, lane]
    for lane in range(lanes):
        if not ok[lane]:
            continue
        record = HEADER + width + (int(memory[lane, 0]) % RECORDS) * (2 + COEFFICIENTS * width)
        memory[lane, record], memory[lane, record + 1] = t[lane], reach[lane]
        for k in range(width):
            a, b, c, d, e = (
                samples[0, k, lane], samples[1, k, lane], samples[2, k, lane], samples[3, k, lane], samples[4, k, lane],
            )  # fmt: skip
            place = record + 2 + COEFFICIENTS * k
            # the polynomial through five points at 0, 1/4, ..., 1
            memory[lane, place] = a
            memory[lane, place + 1] = (-25.0 * a + 48.0 * b - 36.0 * c + 16.0 * d - 3.0 * e) / 3.0
            memory[lane, place + 2] = (70.0 * a - 208.0 * b + 228.0 * c - 112.0 * d + 22.0 * e) / 3.0
            memory[lane, place + 3] = (-80.0 * a + 288.0 * b - 384.0 * c + 224.0 * d - 48.0 * e) / 3.0
            memory[lane, place + 4] = (32.0 * a - 128.0 * b + 192.0 * c - 128.0 * d + 32.0 * e) / 3.0
        memory[lane, 0] += 1.0
        _limit(lane, values, past)
