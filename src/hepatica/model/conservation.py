"""Conserved moieties: sums of amounts that no reaction changes."""

from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

from hepatica.model.network import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Moiety:
    """A sum of amounts that stays what it was: ``terms`` are (species, whole-number coefficient)."""

    terms: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        out = ""
        for name, n in self.terms:
            size = "" if abs(n) == 1 else f"{abs(n)} "
            out += (" - " if n < 0 else " + " if out else "") + size + name
        return out.strip()


def moieties(model: Model) -> tuple[Moiety, ...]:
    """Give a basis of the conserved moieties, without negative coefficients where that can be had.

    The left null space of the stoichiometric matrix, in exact fractions, with negative coefficients removed by adding
    other moieties of the basis (Sauro and Ingalls 2004, doi:10.1016/j.bpc.2003.08.009, discuss the structure).

    Returns
    -------
    tuple of Moiety
        Over the species that reactions change; sorted by their first species.

    Examples
    --------
    >>> from hepatica.model import Number, Reaction, Species
    >>> pools = tuple(Species(id=i, compartment="c") for i in "AB")
    >>> step = Reaction(id="r", reactants=(("A", 1.0),), products=(("B", 1.0),), rate=Number(1.0))
    >>> print(*moieties(Model(id="m", species=pools, reactions=(step,))))
    A + B
    """
    varying = {
        name for r in model.reactions for name, n in (*r.reactants, *r.products) if isinstance(n, str)
    }  # a named stoichiometry may change
    given = {name for event in model.events for name, _ in event.assignments}
    floating = [
        s.id for s in model.species if not (s.boundary or s.constant or s.conversion or s.id in given | varying)
    ]
    ruled = {r.variable for r in model.rules}
    changed = {n for r in model.reactions for n, _ in (*r.reactants, *r.products)}
    names = [n for n in floating if n in changed and n not in ruled]
    vectors = _nonnegative([_whole(v) for v in _left_null_space(_stoichiometry(model, names))])
    found = [Moiety(terms=tuple((n, c) for n, c in zip(names, v, strict=True) if c)) for v in vectors]
    return tuple(sorted(found, key=lambda m: m.terms[0][0]))


def _stoichiometry(model: Model, names: list[str]) -> list[list[Fraction]]:
    """Give the matrix, species in rows and reactions in columns."""
    row = {name: i for i, name in enumerate(names)}
    matrix = [[Fraction(0)] * len(model.reactions) for _ in names]
    for column, reaction in enumerate(model.reactions):
        for sign, pairs in ((-1, reaction.reactants), (1, reaction.products)):
            for name, n in pairs:
                if name in row and not isinstance(n, str):
                    matrix[row[name]][column] += sign * Fraction(n).limit_denominator(10**6)
    return matrix


def _left_null_space(matrix: list[list[Fraction]]) -> list[list[Fraction]]:
    """Reduce the rows beside an identity; what stands beside the rows that vanish spans the space."""
    size = len(matrix)
    left = [dict((j, x) for j, x in enumerate(r) if x) for r in matrix]  # noqa: C402 (sparse rows)
    right = [{i: Fraction(1)} for i in range(size)]
    open_rows = list(range(size))
    for column in range(len(matrix[0]) if matrix else 0):
        candidates = [i for i in open_rows if column in left[i]]
        if not candidates:
            continue
        pivot = min(candidates, key=lambda i: len(left[i]))
        open_rows.remove(pivot)
        for i in candidates:
            if i != pivot:
                factor = -left[i][column] / left[pivot][column]
                _add(left[i], left[pivot], factor)
                _add(right[i], right[pivot], factor)
    return [[right[i].get(j, Fraction(0)) for j in range(size)] for i in open_rows]


def _add(row: dict[int, Fraction], other: dict[int, Fraction], factor: Fraction) -> None:
    for column, value in other.items():
        total = row.get(column, Fraction(0)) + factor * value
        if total:
            row[column] = total
        else:
            row.pop(column, None)


def _whole(vector: list[Fraction]) -> list[int]:
    scale = lcm(*(x.denominator for x in vector))
    numbers = [int(x * scale) for x in vector]
    divisor = gcd(*numbers) or 1
    total = sum(numbers) or next((n for n in numbers if n), 0)
    sign = -1 if total < 0 else 1
    return [sign * n // divisor for n in numbers]


def _nonnegative(vectors: list[list[int]]) -> list[list[int]]:
    """Add other vectors of the basis as long as that takes negative coefficients away."""
    out = [list(v) for v in vectors]
    for i, vector in enumerate(out):
        current = vector
        for k, other in enumerate(out):
            if k == i or min(other, default=0) < 0 or min(current, default=0) >= 0:
                continue
            needed = max((-(c // o) for c, o in zip(current, other, strict=True) if c < 0 < o), default=0)
            trial = _whole([Fraction(c + needed * o) for c, o in zip(current, other, strict=True)])
            if sum(c < 0 for c in trial) < sum(c < 0 for c in current):
                current = trial
        out[i] = current
    return out
