"""Memory of the tangent, and the addresses of its machine code."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hepatica.compiler.kernel import Kernel, Tableau, Tangent
from hepatica.solver.record import Doses
from hepatica.solver.workspace import aligned

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

# places in `code`; the combinations of the stages follow
(
    REPLAY, BLEND, TANGENT_BLEND, SECOND, SLOPES, OBSERVE, INITIAL, ROOTS, ASSIGN, SWEEP, FACTOR, RHS, PREPARE, COMBINE,
) = range(14)  # fmt: skip
# places in `data`, in the order of the arrays below
(
    Y, P, IH, IHG, LU, U, X, W, OM, POINT, D, A, Q, F, OBSERVED, STARTED, ROOTED, ASSIGNED, DY, DU, DX, DO,
) = range(22)  # fmt: skip
PREPARED = 24  # entries of p behind the hidden ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Directions:
    """What is moved in each direction.

    Parameters
    ----------
    parameter
        Place in p of the parameter of the draw that a direction moves, or -1, shape (direction,).
    state
        State whose initial value it moves, or -1, shape (direction,).
    doses
        Changes that it moves: the numbers of the doses are directions.
    linear
        Where directions move several parameters, or others from draw to draw: how each entry of p moves, shape
        (period * p, direction); draw d is that of row ``d % period``. ``parameter`` is -1 then.
    moving
        How many of the directions, the first ones, can move a state; the others change only how states are read. All when
        ``None``.
    """

    parameter: Indices
    state: Indices
    doses: Doses
    linear: sparse.csr_array | None = None
    moving: int | None = None

    @property
    def count(self) -> int:
        """Number of directions."""
        return len(self.parameter)


class TangentArrays(NamedTuple):
    """Last axis of the first ones: lane.

    State, parameters, 1/h and 1/(h gamma) of a step; its factors, stages, their arguments, scratch; weights of the stages in a
    reading, and what is read at; second derivatives, and the coefficients of the tangent for each stage; derivatives of
    observables, initial values, conditions and new values of events. Then tangents in all directions: of the state (lane,
    block, state, direction), of the stages of one lane (block, stage, state, direction), scratch for one block twice; of
    the time of an event (lane, direction), and of new values that are to be assigned (lane, value, direction).
    """

    y: Array
    p: Array
    ih: Array
    ihg: Array
    lu: Array
    u: Array
    x: Array
    w: Array
    om: Array
    point: Array
    d: Array
    a: Array
    q: Array
    f: Array
    observed: Array
    started: Array
    rooted: Array
    assigned: Array
    dy: Array
    du: Array
    dx: Array
    do: Array
    shift: Array
    news: Array


class Tables(NamedTuple):
    """Places of the entries of sparse derivatives, see :class:`~hepatica.compiler.kernel.Tangent`.

    ``place``: column of each parameter, or -1; ``source_first``: where the entries of each column of f begin; ``moved_first``: where
    those of each kind of draw begin in ``moved``, (column, direction), and ``weight``; ``state``: the state whose initial value
    each direction moves, or -1; ``entries``: lengths of a, q and f of one stage.
    """

    place: Indices
    source_first: Indices
    source_row: Indices
    jacobian: Indices
    observed: Indices
    initial: Indices
    rooted: Indices
    assigned: Indices
    moved_first: Indices
    moved: Indices
    weight: Array
    state: Indices
    entries: Indices


class Seeds(NamedTuple):
    """How the parameters of a lane move: so many entries, and for each its column, direction and weight."""

    used: Indices
    column: Indices
    direction: Indices
    weight: Array


class TangentSpace:
    """The arrays that the machine code of a tangent reads and writes, their addresses, and the tables of what is moved.

    Parameters
    ----------
    kernel, tangent, tableau
        The model, the tangent of its step, and the method.
    directions
        What is moved.
    """

    def __init__(self, kernel: Kernel, tangent: Tangent, tableau: Tableau, directions: Directions) -> None:
        n, lanes, s = len(kernel.states), tangent.lanes, tableau.stages
        count = len(kernel.parameters) + kernel.conditions.hidden
        size, wide = tangent.sizes, tangent.lanes * tangent.width
        moving = directions.count if directions.moving is None else directions.moving
        blocks = max(1, -(-moving // wide))
        values = sum(len(e.states) for e in kernel.conditions.events)
        by_lane: dict[str, tuple[int, ...]] = {
            "y": (n,), "p": (max(1, count + size["prepared"]),), "ih": (), "ihg": (), "lu": (size["lu"],), "u": (s, n), "x": (s, n),
            "w": (size["w"],),
            "om": (s,), "point": (n,), "d": (size["d"],), "a": (s, size["a"]), "q": (s, size["q"]), "f": (s, size["f"]),
            "observed": (max(1, len(tangent.observed)),), "started": (max(1, len(tangent.initial)),),
            "rooted": (max(1, len(tangent.rooted)),), "assigned": (max(1, len(tangent.assigned)),),
        }  # fmt: skip
        self.arrays = TangentArrays(
            **{name: aligned(*shape, lanes) for name, shape in by_lane.items()},
            dy=aligned(lanes, blocks, n, wide), du=aligned(blocks, s, n, wide), dx=aligned(n, wide), do=aligned(n, wide),
            shift=aligned(lanes, blocks * wide), news=aligned(lanes, values, blocks * wide),
        )  # fmt: skip
        prepared = self.arrays.p.ctypes.data + 8 * lanes * count
        self.data = np.array([*(a.ctypes.data for a in self.arrays), prepared], np.int64)
        methods = [f"{kind}_{tableau.name}" for kind in ("replay", "blend", "tangent_blend")]
        others = (
            "second", "slopes", "observe_slopes", "initial_slopes", "root_slopes", "assign_slopes", "sweep", "factor", "rhs",
            "prepare",
        )  # fmt: skip
        names = (*methods, *others, *(f"combine{i}_{tableau.name}" for i in range(s)))
        self.code = np.array([tangent.addresses[name] for name in names], np.int64)
        self.tables = _tables(count, len(kernel.parameters), tangent, directions)
        room = max(1, int(np.diff(self.tables.moved_first).max()) + int((directions.doses.parameter >= 0).sum()))
        column, direction = np.zeros((lanes, room), np.int64), np.zeros((lanes, room), np.int64)
        self.seeds = Seeds(np.zeros(lanes, np.int64), column, direction, np.zeros((lanes, room)))


def _tables(count: int, parameters: int, tangent: Tangent, directions: Directions) -> Tables:
    columns, source = tangent.parameters, tangent.source
    place = np.full(count, -1, np.int64)
    place[list(columns)] = np.arange(len(columns))
    first, moved, weight = _moved(place, parameters, directions)
    return Tables(
        place=place,
        source_first=np.searchsorted(source[:, 0], np.arange(len(columns) + 1)).astype(np.int64),
        source_row=np.ascontiguousarray(source[:, 1]),
        jacobian=tangent.first,
        observed=tangent.observed,
        initial=tangent.initial,
        rooted=tangent.rooted,
        assigned=tangent.assigned,
        moved_first=first,
        moved=moved,
        weight=weight,
        state=directions.state.astype(np.int64),
        entries=np.array([tangent.sizes[name] for name in ("a", "q", "f")], np.int64),
    )


def _moved(place: Indices, parameters: int, directions: Directions) -> tuple[Indices, Indices, Array]:
    """What each kind of draw moves: where its entries begin, their columns and directions, their weights."""
    if directions.linear is None:
        moved = np.array([(place[k], d) for d, k in enumerate(directions.parameter) if k >= 0], np.int64).reshape(-1, 2)
        return np.array([0, len(moved)], np.int64), moved, np.ones(len(moved))
    entries = directions.linear.tocoo()
    row, column = entries.coords
    order = np.argsort(row, kind="stable")
    kind, parameter = np.divmod(row[order], parameters)
    first = np.searchsorted(kind, np.arange(directions.linear.shape[0] // parameters + 1)).astype(np.int64)
    return first, np.column_stack([place[parameter], column[order]]).astype(np.int64), entries.data[order].astype(float)
