"""Programs in an order that suits a processor: the same operations, fused, and each close to where its value is used.

Lowering writes what must be computed, with intermediate values in the scratch array ``w``. Here values flow directly from
where they are made to where they are used; what is needed much later again waits in scratch memory, so that few values are
alive at a time: the working set stays small, and register allocation stays linear. Products that are only added become
fused multiply-adds, explicitly, so that every target and every vector width gives the same bits.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from hepatica.compiler.lower import Operation, Program

FAR = 96
"""Operations after which a value is fetched from memory again."""

_MEMORY = ("load", "store", "const")


def schedule(program: Program, scratch: str = "w", *, free: bool = False) -> tuple[Program, int]:
    """Fuse and reorder a program.

    Parameters
    ----------
    program
        Stores every place at most once, but for ``scratch`` never loads a place after it was stored to unless the value
        stored is meant.
    scratch
        The array that only holds intermediate values.
    free
        Whether the stores may come in any order; else they keep theirs.

    Returns
    -------
    tuple of Program and int
        The program, and the length of ``scratch`` that it needs.
    """
    values = _Values(program, scratch)
    roots = _by_nearness(values) if free else values.stores
    linear = _emit(values, roots)
    return _shorten(Program(program.name, program.arguments, linear, program.tail), scratch)


class _Values:
    """A program as values and stores, with the scratch array seen through."""

    def __init__(self, program: Program, scratch: str) -> None:
        code = self.code = list(program.code)
        self.stores: list[int] = []
        held: dict[tuple[str, int], int] = {}
        same = list(range(len(code)))
        for k, operation in enumerate(code):
            if operation[0] == "load":
                same[k] = held.get((operation[1], operation[2]), k)
            elif operation[0] == "store":
                value = same[operation[3]]
                held[operation[1], operation[2]] = value
                code[k] = ("store", operation[1], operation[2], value)
                if operation[1] != scratch:
                    self.stores.append(k)
            elif operation[0] != "const":
                code[k] = (operation[0], *(same[a] for a in operation[1:]))
                if operation[0] == "neg" and code[code[k][1]][0] == "neg":
                    same[k] = int(code[code[k][1]][1])
        self.uses = [0] * len(code)
        self._count()
        self._fuse()

    def arguments(self, k: int) -> tuple[int, ...]:
        """Values that an operation reads."""
        operation = self.code[k]
        if operation[0] == "store":
            return (int(operation[3]),)
        return () if operation[0] in _MEMORY else operation[1:]

    def is_leaf(self, k: int) -> bool:
        """Whether a value is read or written down wherever it is used."""
        return self.code[k][0] in {"load", "const"}

    def _count(self) -> None:
        seen = [False] * len(self.code)
        stack = list(self.stores)
        while stack:
            k = stack.pop()
            for a in self.arguments(k):
                self.uses[a] += 1
                if not seen[a]:
                    seen[a] = True
                    stack.append(a)

    def _fuse(self) -> None:
        """``a*b + c``, ``a*b - c`` and ``c - a*b`` in one operation where the product has no other use; signs into sums."""
        for k, operation in enumerate(self.code):
            if not self.uses[k] or operation[0] not in {"+", "-"}:
                continue
            name, a, b = operation
            for one, other, sign in ((a, b, "fma" if name == "+" else "fms"), (b, a, "fma" if name == "+" else "fnma")):
                if self.code[one][0] == "*" and self.uses[one] == 1:
                    self.code[k] = (sign, *self.code[one][1:], other)
                    break
                if self.code[one][0] == "neg" and (name == "+" or one == b):
                    inner = self.code[one][1]
                    self.code[k] = ("-", other, inner) if name == "+" else ("+", other, inner)
                    break


def _by_nearness(values: _Values) -> list[int]:
    """Stores in an order in which the next one needs the fewest new operations."""
    needs: dict[int, list[int]] = {}
    readers: dict[int, list[int]] = {}
    missing: dict[int, int] = {}
    for root in values.stores:
        own = list(_inner(values, root))
        needs[root], missing[root] = own, len(own)
        for k in own:
            readers.setdefault(k, []).append(root)
    # as near as possible to what was made last: fresh values first, then the smallest remaining need
    heap = [(missing[r], n, r) for n, r in enumerate(values.stores)]
    rank = {r: n for n, r in enumerate(values.stores)}
    heapify(heap)
    done: set[int] = set()
    made: set[int] = set()
    order: list[int] = []
    while heap:
        need, _n, root = heappop(heap)
        if root in done or need != missing[root]:
            continue
        done.add(root)
        order.append(root)
        for k in needs[root]:
            if k in made:
                continue
            made.add(k)
            for reader in readers[k]:
                missing[reader] -= 1
                if reader not in done:
                    heappush(heap, (missing[reader], rank[reader], reader))
    return order


def _inner(values: _Values, root: int) -> Iterator[int]:
    """What a store needs: down to, and with, the values that others need too."""
    seen: set[int] = set()
    stack = list(values.arguments(root))
    while stack:
        k = stack.pop()
        if k in seen or values.is_leaf(k):
            continue
        seen.add(k)
        yield k
        if values.uses[k] == 1:
            stack.extend(values.arguments(k))


def _emit(values: _Values, roots: list[int]) -> list[Operation]:
    """Write the operations, each just before its first use; leaves before each use."""
    out: list[Operation] = []
    place: dict[int, int] = {}

    def leaf(k: int) -> int:
        if not values.is_leaf(k):
            return place[k]
        out.append(values.code[k])
        return len(out) - 1

    for root in roots:
        stack = [root]
        while stack:
            k = stack[-1]
            if k in place:
                stack.pop()
                continue
            missing = [a for a in values.arguments(k) if a not in place and not values.is_leaf(a)]
            if missing:
                stack.extend(reversed(missing))
                continue
            stack.pop()
            operation = values.code[k]
            if operation[0] == "store":
                out.append(("store", operation[1], operation[2], leaf(operation[3])))
            else:
                out.append((operation[0], *[leaf(a) for a in operation[1:]]))
            place[k] = len(out) - 1
    return out


@dataclass(slots=True)
class _Shortening:
    out: list[Operation] = field(default_factory=list)
    place: dict[int, int] = field(default_factory=dict)
    made: dict[int, int] = field(default_factory=dict)
    home: dict[int, tuple[str, int]] = field(default_factory=dict)
    free: list[int] = field(default_factory=list)
    size: int = 0

    def add(self, operation: Operation) -> int:
        self.out.append(operation)
        return len(self.out) - 1

    def use(self, k: int, now: int) -> int:
        """Give the place of a value, fetched from memory when it is far."""
        if k in self.home and now - self.made[k] > FAR:
            self.place[k] = self.add(("load", *self.home[k]))
            self.made[k] = now
        return self.place[k]

    def release(self, used: tuple[int, ...], last: list[int], now: int, scratch: str) -> None:
        """Give back the scratch places of values that nothing needs any more."""
        for a in used:
            if last[a] == now and self.home.get(a, ("", 0))[0] == scratch:
                self.free.append(self.home.pop(a)[1])


def _shorten(program: Program, scratch: str) -> tuple[Program, int]:
    """Keep values that are used far from where they were made in memory meanwhile."""
    code = program.code
    stored: Mapping[int, tuple[str, int]] = {op[3]: (op[1], op[2]) for op in code if op[0] == "store"}
    last, far = _distances(code)
    state = _Shortening()
    for k, operation in enumerate(code):
        if operation[0] == "store":
            value = state.use(operation[3], k)
            state.add(("store", operation[1], operation[2], value))
            state.home.setdefault(operation[3], (operation[1], operation[2]))
            state.release((operation[3],), last, k, scratch)
            continue
        if operation[0] in _MEMORY:
            state.place[k] = state.add(operation)
            continue
        arguments = [state.use(a, k) for a in operation[1:]]
        state.place[k], state.made[k] = state.add((operation[0], *arguments)), k
        state.release(operation[1:], last, k, scratch)
        if far[k] and k not in stored:
            if not state.free:
                state.free.append(state.size)
                state.size += 1
            state.home[k] = (scratch, state.free.pop())
            state.add(("store", *state.home[k], state.place[k]))
    return Program(program.name, program.arguments, state.out, program.tail), state.size


def _distances(code: list[Operation]) -> tuple[list[int], list[bool]]:
    """Last use of each value, and whether some use is far from the one before."""
    last, far = list(range(len(code))), [False] * len(code)
    for k, operation in enumerate(code):
        arguments = (operation[3],) if operation[0] == "store" else () if operation[0] in _MEMORY else operation[1:]
        for a in arguments:
            far[a] = far[a] or k - last[a] > FAR
            last[a] = k
    return last, far
