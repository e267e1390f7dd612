"""The derivatives of a step as LLVM IR.

Arrays are plain: ``array[stage][state][vector][lane]``. In a replay and in the adjoint a lane is a trajectory. In the tangent a
lane is a direction: the coefficients of one trajectory are numbers, read from its lane of the replay's arrays and spread
over the directions, and each of them serves several vectors of directions.
"""

from collections.abc import Sequence

from hepatica.compiler.lower import Operation, Program
from hepatica.compiler.tableaux import Tableau
from hepatica.compiler.targets.llvm import BLOCK, INTRINSICS, LIBM, Writer
from hepatica.compiler.targets.llvm_layout import Layout
from hepatica.compiler.targets.llvm_loop import write_elimination
from hepatica.compiler.targets.llvm_math import MATH_FUNCTIONS, declare_reciprocal, write_factorial, write_vector_math

HEAD = "#0 {\nentry:\n"


class _Rows:
    """Writes a loop over the states in which every value is ``width`` vectors."""

    def __init__(self, layout: Layout, width: int, tag: str, before: str) -> None:
        self.layout, self.width, self.tag, self.before = layout, width, tag, before
        self.lines: list[str] = []
        self.fresh = 0

    def _let(self, text: str) -> str:
        self.fresh += 1
        name = f"%{self.tag}_{self.fresh}"
        self.lines.append(f" {name} = {text}")
        return name

    def _place(self, array: str, v: int) -> str:
        row = self._let(f"getelementptr i8, ptr {array}, i64 %{self.tag}_offset")
        return self._let(f"getelementptr i8, ptr {row}, i64 {v * self.layout.bytes}") if v else row

    def load(self, array: str) -> list[str]:
        places = [self._place(array, v) for v in range(self.width)]
        return [self._let(f"load {self.layout.vector}, ptr {place}, align {self.layout.bytes}") for place in places]

    def store(self, values: Sequence[str], array: str) -> None:
        for v, value in enumerate(values):
            self.lines.append(
                f" store {self.layout.vector} {value}, ptr {self._place(array, v)}, align {self.layout.bytes}"
            )

    def bin(self, operator: str, a: Sequence[str], b: Sequence[str]) -> list[str]:
        return [self._let(f"{operator} {self.layout.vector} {x}, {y}") for x, y in zip(a, b, strict=True)]

    def fma(self, a: Sequence[str], b: str, c: Sequence[str]) -> list[str]:
        v, m = self.layout.vector, self.layout.mangled
        return [self._let(f"call {v} @llvm.fma.{m}({v} {x}, {v} {b}, {v} {z})") for x, z in zip(a, c, strict=True)]

    def times(self, a: Sequence[str], b: str) -> list[str]:
        return self.bin("fmul", a, [b] * self.width)

    def weighted(self, arrays: Sequence[str], weights: Sequence[str], base: Sequence[str] | None) -> list[str]:
        """``base + sum of weight * array``."""
        for array, weight in zip(arrays, weights, strict=True):
            x = self.load(array)
            base = self.times(x, weight) if base is None else self.fma(x, weight, base)
        return [self.layout.splat(0.0)] * self.width if base is None else list(base)

    def chosen(self, condition: str, a: Sequence[str]) -> list[str]:
        """``a`` where the condition holds, else zero."""
        bools, v = f"<{self.layout.lanes} x i1>", self.layout.vector
        return [self._let(f"select {bools} {condition}, {v} {x}, {v} zeroinitializer") for x in a]

    def only(self, value: str, differential: int, size: int) -> str:
        """A value for the differential states, zero for the algebraic ones behind them, whose stages do not couple."""
        if differential == size:
            return value
        counts, v = self._let(f"icmp ult i64 %{self.tag}_i, {differential}"), self.layout.vector
        return self._let(f"select i1 {counts}, {v} {value}, {v} zeroinitializer")

    def text(self, size: int) -> str:
        t = self.tag
        head = [
            f" br label %{t}_body\n{t}_body:\n %{t}_i = phi i64 [0, %{self.before}], [%{t}_next, %{t}_body]",
            f" %{t}_offset = mul i64 %{t}_i, {self.layout.bytes * self.width}",
        ]
        tail = [
            f" %{t}_next = add i64 %{t}_i, 1\n %{t}_more = icmp ult i64 %{t}_next, {size}",
            f" br i1 %{t}_more, label %{t}_body, label %{t}_end\n{t}_end:",
        ]
        return "\n".join([*head, *self.lines, *tail]) + "\n"


def _slices(array: str, count: int, size: int, layout: Layout, width: int = 1) -> tuple[str, list[str]]:
    """Pointers to the stages of an array, and the text that makes them."""
    step = size * layout.bytes * width
    names = [f"%{array}{i}" for i in range(count)]
    return "".join(f" {n} = getelementptr i8, ptr %{array}, i64 {i * step}\n" for i, n in enumerate(names)), names


def _splats(layout: Layout, numbers: Sequence[float]) -> list[str]:
    return [layout.splat(x) for x in numbers]


def _replay(layout: Layout, tableau: Tableau, size: int, differential: int) -> str:
    """The stages ``u`` of a step from y and their arguments ``x``, and the factors of its matrix."""
    v = layout.vector
    heads = [_slices(array, tableau.stages, size, layout) for array in ("u", "x")]
    out = [
        f"define void @replay_{tableau.name}(ptr %y, ptr %p, ptr %ih, ptr %ihg, ptr %lu, ptr %u, ptr %x, ptr %w) {HEAD}",
        *(text for text, _ in heads),
        f" call void @factor(ptr %y, ptr %p, ptr %ihg, ptr %lu, ptr %w)\n %ihv = load {v}, ptr %ih, align {layout.bytes}\n",
    ]
    (_, us), (_, xs) = heads
    before = "entry"
    for i in range(tableau.stages):
        rows = _Rows(layout, 1, f"s{i}", before)
        rows.store(_argument(rows, tableau, i, "%y", us, xs), xs[i])
        coupling = rows.weighted(us[:i], _splats(layout, tableau.c[i - 1]) if i else [], None)
        rows.store(rows.times(coupling, rows.only("%ihv", differential, size)), us[i])
        out.append(rows.text(size))
        out.append(f" call void @rhs(ptr {xs[i]}, ptr %p, ptr {us[i]}, ptr %w)\n")
        out.append(f" call void @solve(ptr %lu, ptr {us[i]})\n")
        before = f"s{i}_end"
    return "".join([*out, " ret void\n}\n"])


def _argument(rows: _Rows, tableau: Tableau, i: int, y: str, us: Sequence[str], xs: Sequence[str]) -> list[str]:
    """The argument of stage i; an incremental one starts from the one before."""
    if i == 0:
        return rows.load(y)
    row = tableau.a[i - 1]
    if row is None:
        return rows.bin("fadd", rows.load(xs[i - 1]), rows.load(us[i - 1]))
    return rows.weighted(us[:i], _splats(rows.layout, row), rows.load(y))


def _blend(layout: Layout, tableau: Tableau, size: int) -> str:
    """``o = y + sum of om[j] u[j]``, and its adjoint into ``yb`` and ``ub`` where the mask is positive."""
    v = layout.vector
    text, us = _slices("u", tableau.stages, size, layout)
    weights, names = _lane_weights(layout, tableau.stages)
    rows = _Rows(layout, 1, "k", "entry")
    rows.store(rows.weighted(us, names, rows.load("%y")), "%o")
    out = f"define void @blend_{tableau.name}(ptr %y, ptr %u, ptr %om, ptr %o) {HEAD}{text}{weights}{rows.text(size)}"
    text, ubs = _slices("ub", tableau.stages, size, layout)
    rows = _Rows(layout, 1, "k", "entry")
    bar = rows.chosen("%yes", rows.load("%b"))
    rows.store(rows.bin("fadd", rows.load("%yb"), bar), "%yb")
    for name, ub in zip(names, ubs, strict=True):
        rows.store(rows.fma(bar, name, rows.load(ub)), ub)
    mask = f" %m = load {v}, ptr %mask, align {layout.bytes}\n %yes = fcmp ogt {v} %m, zeroinitializer\n"
    head = f"define void @unblend_{tableau.name}(ptr %b, ptr %om, ptr %mask, ptr %yb, ptr %ub) {HEAD}"
    return f"{out} ret void\n}}\n{head}{text}{weights}{mask}{rows.text(size)} ret void\n}}\n"


def _lane_weights(layout: Layout, count: int) -> tuple[str, list[str]]:
    lines, names = [], []
    for j in range(count):
        lines.append(f" %wp{j} = getelementptr i8, ptr %om, i64 {j * layout.bytes}\n")
        lines.append(f" %wt{j} = load {layout.vector}, ptr %wp{j}, align {layout.bytes}\n")
        names.append(f"%wt{j}")
    return "".join(lines), names


def _pull(layout: Layout, tableau: Tableau, size: int, differential: int, fluxes: int) -> str:
    """The adjoint of a step: from those of the stages, ``ub``, to those of y, ``yb``, and of the parameters, ``pb``."""
    s, v = tableau.stages, layout.vector
    out = [
        f"define void @pull_{tableau.name}(ptr %y, ptr %p, ptr %ih, ptr %lu, ptr %u, ptr %x, ptr %yb, ptr %ub, ptr %xb, "
        f"ptr %m, ptr %v, ptr %s, ptr %pb, ptr %w) {HEAD}",
    ]
    pointers = {}
    for array, length in (("x", size), ("ub", size), ("xb", size), ("m", size), ("v", fluxes)):
        text, pointers[array] = _slices(array, s, length, layout)
        out.append(text)
    out.append(f" %ihv = load {v}, ptr %ih, align {layout.bytes}\n")
    before = "entry"
    full = stage_weights(tableau)
    for i in reversed(range(s)):
        later = range(i + 1, s)
        rows = _Rows(layout, 1, f"s{i}", before)
        coupling = rows.weighted(
            [pointers["m"][k] for k in later], _splats(layout, [tableau.c[k - 1][i] for k in later]), None
        )
        total = rows.fma(coupling, rows.only("%ihv", differential, size), rows.load(pointers["ub"][i]))
        total = rows.weighted([pointers["xb"][k] for k in later], _splats(layout, [full[k][i] for k in later]), total)
        rows.store(total, pointers["m"][i])
        out.append(rows.text(size))
        out.append(f" call void @solve_transposed(ptr %lu, ptr {pointers['m'][i]})\n")
        arguments = (pointers["x"][i], "%p", pointers["m"][i], pointers["v"][i], pointers["xb"][i], "%pb", "%w")
        out.append(f" call void @rhs_pull({', '.join(f'ptr {a}' for a in arguments)})\n")
        before = f"s{i}_end"
    rows = _Rows(layout, 1, "e", before)
    total = rows.load("%yb")
    for xb in pointers["xb"]:
        total = rows.bin("fadd", total, rows.load(xb))
    rows.store(total, "%yb")
    out.append(rows.text(size))
    out.append(f" call void @outer_{tableau.name}(ptr %v, ptr %u, ptr %s)\n")
    out.append(" call void @partials_pull(ptr %y, ptr %p, ptr %s, ptr %yb, ptr %pb, ptr %w)\n ret void\n}\n")
    return "".join(out)


def stage_weights(tableau: Tableau) -> list[list[float]]:
    """Weights of the earlier stages in the argument of each stage, and last, in the new state."""
    out: list[list[float]] = [[]]
    for row in tableau.a:
        out.append([*out[-1], 1.0] if row is None else list(row))
    return [*out, [*out[-1], 1.0]]


class _Directions:
    """Writes a straight-line function over ``width`` vectors of directions; some arrays hold numbers of one trajectory."""

    def __init__(self, program: Program, layout: Layout, width: int, numbers: frozenset[str]) -> None:
        self.program, self.layout, self.width, self.numbers = program, layout, width, numbers
        self.lines: list[str] = []
        self.names: list[list[str]] = []
        self.count = self.blocks = self.fresh = 0

    def text(self) -> str:
        for operation in self.program.code:
            self.names.append(self._operation(operation))
            if operation[0] == "store" and self.count > BLOCK:
                self.blocks += 1
                self.count = 0
                self.lines.append(f" br label %B{self.blocks}\nB{self.blocks}:")
        arguments = ", ".join(f"ptr noalias %{a}" for a in self.program.arguments)
        return f"define void @{self.program.name}({arguments}) #0 {{\n" + "\n".join(self.lines) + "\n ret void\n}\n"

    def _let(self, text: str) -> str:
        self.fresh += 1
        self.count += 1
        self.lines.append(f" %v{self.fresh} = {text}")
        return f"%v{self.fresh}"

    def _operation(self, operation: Operation) -> list[str]:
        v, m = self.layout.vector, self.layout.mangled
        name, *arguments = operation
        if name in {"load", "store"}:
            array, index = str(arguments[0]), int(arguments[1])
            if array in self.numbers:
                return self._number(array, index)
            step = self.layout.bytes
            places = [
                self._let(f"getelementptr i8, ptr %{array}, i64 {(index * self.width + k) * step}")
                for k in range(self.width)
            ]
            if name == "load":
                return [self._let(f"load {v}, ptr {place}, align {self.layout.bytes}") for place in places]
            for value, place in zip(self.names[int(arguments[2])], places, strict=True):
                self.lines.append(f" store {v} {value}, ptr {place}, align {self.layout.bytes}")
            return []
        x = [self._wide(self.names[int(k)]) for k in arguments]
        if name == "neg":
            return [self._let(f"fneg {v} {a}") for a in self.names[int(arguments[0])]]
        if name == "*":
            return [self._let(f"fmul {v} {a}, {b}") for a, b in zip(*x, strict=True)]
        return [self._let(f"call {v} @llvm.fma.{m}({v} {a}, {v} {b}, {v} {c})") for a, b, c in zip(*x, strict=True)]

    def _wide(self, names: list[str]) -> list[str]:
        return names * self.width if len(names) == 1 else names

    def _number(self, array: str, index: int) -> list[str]:
        v = self.layout.vector
        place = self._let(f"getelementptr i8, ptr %{array}, i64 {index * self.layout.bytes}")
        number = self._let(f"load double, ptr {place}, align 8")
        first = self._let(f"insertelement {v} poison, double {number}, i32 0")
        return [self._let(f"shufflevector {v} {first}, {v} poison, <{self.layout.lanes} x i32> zeroinitializer")]


def _spread_number(layout: Layout, name: str, pointer: str) -> str:
    v = layout.vector
    return (
        f" %{name}_n = load double, ptr {pointer}, align 8\n %{name}_i = insertelement {v} poison, double %{name}_n, i32 0\n"
        f" %{name} = shufflevector {v} %{name}_i, {v} poison, <{layout.lanes} x i32> zeroinitializer\n"
    )


def _combine(layout: Layout, tableau: Tableau, size: int, differential: int, width: int) -> str:
    """For each stage ``dx``, the tangent of its argument, and in its place of ``du`` what the earlier stages couple to it."""
    out = []
    text, dus = _slices("du", tableau.stages, size, layout, width)
    for i in range(tableau.stages):
        rows = _Rows(layout, width, "k", "entry")
        rows.store(_argument(rows, tableau, i, "%dy", dus, ["%dx"] * tableau.stages), "%dx")
        coupling = rows.weighted(dus[:i], _splats(layout, tableau.c[i - 1]) if i else [], None)
        rows.store(rows.times(coupling, rows.only("%ihv", differential, size)), dus[i])
        out.append(f"define void @combine{i}_{tableau.name}(ptr %dy, ptr %du, ptr %dx, ptr %ih) {HEAD}{text}")
        out.append(f"{_spread_number(layout, 'ihv', '%ih')}{rows.text(size)} ret void\n}}\n")
    return "".join(out)


def _tangent_blend(layout: Layout, tableau: Tableau, size: int, width: int) -> str:
    """``o = dy + sum of om[j] du[j]``."""
    s = tableau.stages
    text, dus = _slices("du", s, size, layout, width)
    spread = "".join(
        f" %wp{j} = getelementptr i8, ptr %om, i64 {j * layout.bytes}\n{_spread_number(layout, f'wt{j}', f'%wp{j}')}"
        for j in range(s)
    )
    rows = _Rows(layout, width, "k", "entry")
    rows.store(rows.weighted(dus, [f"%wt{j}" for j in range(s)], rows.load("%dy")), "%o")
    head = f"define void @tangent_blend_{tableau.name}(ptr %dy, ptr %du, ptr %om, ptr %o) {HEAD}"
    return f"{head}{text}{spread}{rows.text(size)} ret void\n}}\n"


def _module(programs: Sequence[Program], layout: Layout, parts: Sequence[str]) -> str:
    v, m = layout.vector, layout.mangled
    out = [f"declare {v} @llvm.{name}.{m}({v})\n" for name in ("rint", *dict.fromkeys((*_unary(), *LIBM)))]
    out += [f"declare {v} @llvm.{name}.{m}({v}, {v})\n" for name in ("minimum", "maximum")]
    out.append(f"declare {v} @llvm.fma.{m}({v}, {v}, {v})\n")
    if layout.processor == "avx512":
        out.append(declare_reciprocal(layout))
    used = {str(op[0]) for program in programs for op in program.code}
    if used & set(MATH_FUNCTIONS):
        out.append(write_vector_math(layout))
    if "factorial" in used:
        out.append(write_factorial(layout))
    out += [Writer(program, layout, {}).text() for program in programs]
    out += [write_elimination(layout, program.tail) for program in programs if program.tail]
    return "".join([*out, *parts, 'attributes #0 = { nounwind "frame-pointer"="none" }\n'])


def _unary() -> tuple[str, ...]:
    return tuple(name for name in INTRINSICS.values() if name not in {"minimum", "maximum"})


def write_adjoint(
    programs: Sequence[Program], layout: Layout, tableaux: Sequence[Tableau], size: int, differential: int, fluxes: int
) -> str:
    """Write the module of the adjoint.

    Parameters
    ----------
    programs
        rhs, factor, solve, solve_transposed, observe_pull, initial_pull, rhs_pull, partials_pull and each method's outer.
    layout
        Lanes.
    tableaux
        Methods.
    size, differential, fluxes
        Number of states, and of differential ones, which come first; length of ``s`` of rhs_pull.
    """
    parts = [text for t in tableaux for text in (_replay(layout, t, size, differential), _blend(layout, t, size))]
    return _module(programs, layout, [*parts, *(_pull(layout, t, size, differential, fluxes) for t in tableaux)])


def write_tangent(
    programs: Sequence[Program],
    sweep: Program,
    layout: Layout,
    tableaux: Sequence[Tableau],
    size: int,
    differential: int,
    width: int,
) -> str:
    """Write the module of the tangent.

    Parameters
    ----------
    programs
        rhs, factor, solve and the programs of the coefficients: lanes are trajectories.
    sweep
        Lanes are directions.
    layout
        Lanes.
    tableaux
        Methods.
    size, differential, width
        Number of states, and of differential ones, which come first; vectors of directions worked on together.
    """
    parts = [text for t in tableaux for text in (_replay(layout, t, size, differential), _blend(layout, t, size))]
    parts.append(_Directions(sweep, layout, width, frozenset({"a", "q", "lu"})).text())
    parts += [_combine(layout, t, size, differential, width) for t in tableaux]
    parts += [_tangent_blend(layout, t, size, width) for t in tableaux]
    return _module(programs, layout, parts)
