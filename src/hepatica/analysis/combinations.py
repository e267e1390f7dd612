"""Which products and ratios data determine where single parameters are free, from flat directions of the information."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FLAT = np.log(100.0)
"""A direction is flat when its 95 % interval reaches farther than this, in natural logarithms: a factor 100."""
MEMBER = 0.1
"""Share of a flat direction from which on a parameter belongs to it."""
Combination = dict[str, float]


def combinations(information: Array, names: Sequence[str]) -> list[tuple[tuple[str, ...], list[Combination]]]:
    """Give the parameters that only move together, and the powers of each combination that is determined.

    Parameters
    ----------
    information
        Of the natural logarithms of the parameters, shape (parameter, parameter).
    names
        Of the parameters.

    Returns
    -------
    list of (names, combinations)
        For each set of parameters that share flat directions: its members, and combinations, power by name, that none of these
        directions changes; none when every member is free by itself.

    Examples
    --------
    >>> import numpy as np
    >>> combinations(1e4 * np.array([[1.0, 1.0], [1.0, 1.0]]), ["kcat", "total"])
    [(('kcat', 'total'), [{'kcat': 1.0, 'total': 1.0}])]
    """
    values, vectors = np.linalg.eigh(0.5 * (information + information.T))
    flat = vectors[:, values < (1.96 / FLAT) ** 2]
    projector = flat @ flat.T
    tied = np.abs(projector) > MEMBER
    found = []
    for members in _connected(tied & (np.diag(projector) > MEMBER**2)[:, None]):
        part = projector[np.ix_(members, members)]
        shares, directions = np.linalg.eigh(part)
        kept = directions[:, shares < 0.5]  # not changed along the flat directions
        if len(members) > 1:
            table = [
                {names[members[k]]: _simple(power) for k, power in enumerate(row) if abs(power) > 0.05}
                for row in _reduced(kept.T)
            ]
            found.append((tuple(names[m] for m in members), [t for t in table if len(t) > 1]))
    return found


def formula(powers: Combination) -> str:
    """Write a combination as a formula.

    Examples
    --------
    >>> formula({"a": 1.0, "b": 1.0}), formula({"a": 1.0, "b": -1.0}), formula({"a": -0.5, "b": 2.0})
    ('a*b', 'a/b', 'b^2/a^0.5')
    """
    up = "*".join(n + _power(p) for n, p in powers.items() if p > 0.0)
    down = "/".join(n + _power(-p) for n, p in powers.items() if p < 0.0)
    return f"{up or '1'}/{down}" if down else up


def describe_combination(powers: Combination) -> str:
    """Say what a combination is.

    Examples
    --------
    >>> describe_combination({"a": 1.0, "b": 1.0}), describe_combination({"a": 1.0, "b": -1.0})
    ('the product a*b', 'the ratio a/b')
    """
    kind = {(1.0,): "product", (-1.0, 1.0): "ratio"}.get(tuple(sorted(set(powers.values()))), "combination")
    return f"the {kind} {formula(powers)}"


def _power(power: float) -> str:
    return "" if abs(power - 1.0) < 1e-9 else f"^{power:.3g}"


def _simple(power: float) -> float:
    """A power as a fraction with a small denominator, where it is one to 5 %."""
    near = float(Fraction(power).limit_denominator(3))
    return near if abs(near - power) < 0.05 else float(power)


def _connected(tied: NDArray[np.bool_]) -> list[list[int]]:
    """Sets of indices that are tied to each other, directly or through others."""
    tied, left, sets = tied | tied.T, list(np.flatnonzero(tied.any(axis=1))), []
    while left:
        found, edge = {int(left[0])}, [int(left[0])]
        while edge:
            new = {int(k) for k in np.flatnonzero(tied[edge.pop()])} - found
            found |= new
            edge += sorted(new)
        sets.append(sorted(found))
        left = [k for k in left if k not in found]
    return sets


def _reduced(rows: Array) -> Array:
    """Row echelon form, so that each combination has as few members as can be; the largest entries lead."""
    rows, done = rows.copy(), 0
    for column in range(rows.shape[1]):
        if done == len(rows):
            break
        best = done + int(np.argmax(np.abs(rows[done:, column])))
        if abs(rows[best, column]) < 0.05:
            continue
        rows[[done, best]] = rows[[best, done]]
        rows[done] /= rows[done, column]
        others = np.arange(len(rows)) != done
        rows[others] -= np.outer(rows[others, column], rows[done])
        done += 1
    return rows[:done]
