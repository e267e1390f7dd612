"""Fast reactions: what they conserve moves slowly, the rest is where their rates are zero.

With N the stoichiometry of the fast reactions, the species are split into *pivots*, as many as N has rank, and the others:
``amount of other = pool + sum of coefficient * amount of pivot``, where no fast reaction changes a pool.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from hepatica.errors import UnsupportedError
from hepatica.model import Model

Matrix = list[list[Fraction]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pools:
    """The split of the species that fast reactions change.

    Parameters
    ----------
    pivots
        Species whose amounts the balances determine.
    others
        For each other species the coefficients of the pivots: ``{species: {pivot: coefficient}}``.
    balances
        Sums of rates that are zero, one for each pivot: ``{reaction: coefficient}``.
    """

    pivots: tuple[str, ...]
    others: dict[str, dict[str, float]]
    balances: tuple[dict[str, float], ...]

    @property
    def members(self) -> frozenset[str]:
        """All species that fast reactions change."""
        return frozenset({*self.pivots, *self.others})


def find_pools(model: Model, moving: Sequence[str]) -> Pools:
    """Split the species of the fast reactions of a model; empty when there are none.

    Raises
    ------
    UnsupportedError
        When a fast reaction has a stoichiometry that changes.
    """
    fast = [r for r in model.reactions if r.fast]
    matrix: dict[str, list[Fraction]] = {}
    converted = {s.id: s.conversion for s in model.species}
    for column, reaction in enumerate(fast):
        for sign, side in ((-1, reaction.reactants), (1, reaction.products)):
            for name, number in side:
                if isinstance(number, str):
                    raise UnsupportedError(
                        f"{model.where(reaction.id)}the fast reaction '{reaction.id}' has the named stoichiometry '{number}', "
                        "which is not supported; give it as a number."
                    )
                if name in moving:
                    if converted[name]:
                        raise UnsupportedError(
                            f"{model.where(name)}species '{name}' is in a fast reaction and has a conversion factor, which is not "
                            "supported together."
                        )
                    row = matrix.setdefault(name, [Fraction(0)] * len(fast))
                    row[column] += sign * Fraction(number).limit_denominator(10**6)
    names = [n for n in matrix if any(matrix[n])]
    pivots = _independent([matrix[n] for n in names])
    basis = [matrix[names[k]] for k in pivots]
    others = {
        names[k]: {names[p]: float(c) for p, c in zip(pivots, _coordinates(basis, matrix[names[k]]), strict=True) if c}
        for k in range(len(names))
        if k not in pivots
    }
    columns = [list(column) for column in zip(*basis, strict=True)]
    chosen = _independent(columns)
    # every column as a sum of the chosen ones: the rates that add to each of these directions
    parts = [_coordinates([columns[k] for k in chosen], column) for column in columns]
    balances = tuple(
        {fast[j].id: float(parts[j][row]) for j in range(len(fast)) if parts[j][row]} for row in range(len(chosen))
    )
    return Pools(pivots=tuple(names[k] for k in pivots), others=others, balances=balances)


def _independent(rows: Matrix) -> list[int]:
    """Give the first rows that are linearly independent."""
    kept: list[int] = []
    reduced: Matrix = []
    for k, row in enumerate(rows):
        rest = _reduce(row, reduced)
        if any(rest):
            kept.append(k)
            reduced.append(rest)
    return kept


def _reduce(row: list[Fraction], reduced: Matrix) -> list[Fraction]:
    rest = list(row)
    for other in reduced:
        lead = next(i for i, x in enumerate(other) if x)
        if rest[lead]:
            factor = rest[lead] / other[lead]
            rest = [a - factor * b for a, b in zip(rest, other, strict=True)]
    return rest


def _coordinates(basis: Matrix, row: list[Fraction]) -> list[Fraction]:
    """Solve ``sum of x_k basis_k = row`` exactly; the basis is independent and the row lies in its span."""
    size = len(basis)
    table = [[*(b[i] for b in basis), row[i]] for i in range(len(row))]
    for column in range(size):
        lead = next(i for i in range(column, len(table)) if table[i][column])
        table[column], table[lead] = table[lead], table[column]
        table[column] = [x / table[column][column] for x in table[column]]
        for i in range(len(table)):
            if i != column and table[i][column]:
                factor = table[i][column]
                table[i] = [a - factor * b for a, b in zip(table[i], table[column], strict=True)]
    return [table[k][size] for k in range(size)]
