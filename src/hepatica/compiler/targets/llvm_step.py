"""The steps of the methods as LLVM IR: loops over states around the straight-line programs."""

from collections.abc import Sequence

from hepatica.compiler.tableaux import Tableau
from hepatica.compiler.targets.llvm_layout import ARGUMENT, STAGES, Layout, Y


class Loop:
    """Writes a loop over states; ``state(slot)`` addresses the interleaved array, ``plain(array)`` a dense one.

    With a ``table`` the loop runs over the states that stand in this constant of the module.
    """

    def __init__(self, layout: Layout, tag: str, before: str, table: str = "") -> None:
        self.layout, self.tag, self.before, self.table = layout, tag, before, table
        self.lines: list[str] = []
        self.fresh = 0
        self.row = f"%{tag}_row"

    def let(self, text: str) -> str:
        """Write an instruction and give the name of its value."""
        self.fresh += 1
        name = f"%{self.tag}_{self.fresh}"
        self.lines.append(f" {name} = {text}")
        return name

    def state(self, slot: int) -> str:
        """Address of a slot of the state of this round."""
        return self.let(f"getelementptr i8, ptr {self.row}, i64 {slot * self.layout.bytes}")

    def plain(self, array: str) -> str:
        """Address of the state of this round in an array of one value a state."""
        return self.let(f"getelementptr i8, ptr %{array}, i64 %{self.tag}_plain")

    def load(self, pointer: str) -> str:
        """Read."""
        return self.let(f"load {self.layout.vector}, ptr {pointer}, align {self.layout.bytes}")

    def store(self, value: str, pointer: str) -> None:
        """Write."""
        self.lines.append(f" store {self.layout.vector} {value}, ptr {pointer}, align {self.layout.bytes}")

    def bin(self, operator: str, a: str, b: str) -> str:
        """Combine two values."""
        return self.let(f"{operator} {self.layout.vector} {a}, {b}")

    def fma(self, a: str, b: str, c: str) -> str:
        """``a * b + c``, rounded once."""
        v = self.layout.vector
        return self.let(f"call {v} @llvm.fma.{self.layout.mangled}({v} {a}, {v} {b}, {v} {c})")

    def abs(self, a: str) -> str:
        """Absolute value."""
        return self.let(f"call {self.layout.vector} @llvm.fabs.{self.layout.mangled}({self.layout.vector} {a})")

    def max(self, a: str, b: str) -> str:
        """The larger one; ``b`` where one is not a number."""
        greater = self.let(f"fcmp ogt {self.layout.vector} {a}, {b}")
        return self.let(
            f"select <{self.layout.lanes} x i1> {greater}, {self.layout.vector} {a}, {self.layout.vector} {b}"
        )

    def text(self, size: int, carried: Sequence[tuple[str, str]] = ()) -> str:
        """Close the loop; ``carried`` are (phi name, new value) of accumulators that start at zero."""
        t, v = self.tag, self.layout.vector
        head = [f" br label %{t}_body\n{t}_body:\n %{t}_i = phi i64 [0, %{self.before}], [%{t}_next, %{t}_body]"]
        head += [
            f" {name} = phi {v} [zeroinitializer, %{self.before}], [{value}, %{t}_body]" for name, value in carried
        ]
        state = f"%{t}_i"
        if self.table:
            head.append(f" %{t}_cell = getelementptr i32, ptr @table_{self.table}, i64 %{t}_i")
            head.append(f" %{t}_entry = load i32, ptr %{t}_cell, align 4\n %{t}_state = zext i32 %{t}_entry to i64")
            state = f"%{t}_state"
        head.append(f" %{t}_plain = mul i64 {state}, {self.layout.bytes}")
        head.append(f" %{t}_offset = mul i64 {state}, {self.layout.bytes * self.layout.slots}")
        head.append(f" %{t}_row = getelementptr i8, ptr %s, i64 %{t}_offset")
        tail = [
            f" %{t}_next = add i64 %{t}_i, 1",
            f" %{t}_more = icmp ult i64 %{t}_next, {size}",
            f" br i1 %{t}_more, label %{t}_body, label %{t}_end\n{t}_end:",
        ]
        return "\n".join([*head, *self.lines, *tail]) + "\n"


def write_step(layout: Layout, tableau: Tableau, size: int, differential: int, clock: int) -> str:
    """One whole step of a method: factor, stages, new state into the argument slot, squared error norm into ``err``.

    The largest state but the hidden ones goes behind the tolerances.

    In the equation of an algebraic state, which come last, the stages do not couple.
    """
    v, b = layout.vector, layout.bytes
    out = [
        f"define void @step_{tableau.name}(ptr %s, ptr %p, ptr %ih, ptr %ihg, ptr %lu, ptr %w, ptr %err, ptr %tol) #0 {{\nentry:\n"
    ]
    out.append(" call void @factor(ptr %s, ptr %p, ptr %ihg, ptr %lu, ptr %w)\n")
    out.append(f" %ihv = load {v}, ptr %ih, align {b}\n %argument = getelementptr i8, ptr %s, i64 {b * ARGUMENT}\n")
    before = "entry"
    for i in range(tableau.stages):
        loop = Loop(layout, f"s{i}", before)
        if i == 0:
            loop.store("zeroinitializer", loop.state(STAGES))
            loop.store(loop.load(loop.state(Y)), loop.state(ARGUMENT))
        else:
            stages = [loop.load(loop.state(STAGES + j)) for j in range(i)]
            row = tableau.a[i - 1]
            if row is None:
                x = loop.bin("fadd", loop.load(loop.state(ARGUMENT)), stages[-1])
            else:
                x = loop.load(loop.state(Y))
                for u, a in zip(stages, row, strict=True):
                    x = loop.fma(u, layout.splat(a), x)
            loop.store(x, loop.state(ARGUMENT))
            coupling = loop.bin("fmul", stages[0], layout.splat(tableau.c[i - 1][0]))
            for u, c in zip(stages[1:], tableau.c[i - 1][1:], strict=True):
                coupling = loop.fma(u, layout.splat(c), coupling)
            inverse = "%ihv"
            if differential < size:
                counts = loop.let(f"icmp ult i64 %{loop.tag}_i, {differential}")
                inverse = loop.let(f"select i1 {counts}, {v} %ihv, {v} zeroinitializer")
            loop.store(loop.bin("fmul", coupling, inverse), loop.state(STAGES + i))
        out.append(loop.text(size))
        out.append(f" %u{i} = getelementptr i8, ptr %s, i64 {b * (STAGES + i)}\n")
        out.append(
            f" call void @rhs(ptr %argument, ptr %p, ptr %u{i}, ptr %w)\n call void @solve(ptr %lu, ptr %u{i})\n"
        )
        before = f"s{i}_end"
    out.append(
        f" %rtol = load {v}, ptr %tol, align {b}\n %atolp = getelementptr i8, ptr %tol, i64 {b}\n %atol = load {v}, ptr %atolp, align {b}\n"
    )
    loop = Loop(layout, "e", before)
    error = loop.load(loop.state(STAGES + tableau.stages - 1))
    new = loop.bin("fadd", loop.load(loop.state(ARGUMENT)), error)
    loop.store(new, loop.state(ARGUMENT))
    largest = loop.max(loop.abs(loop.load(loop.state(Y))), loop.abs(new))
    ratio = loop.bin("fdiv", error, loop.fma(largest, "%rtol", "%atol"))
    total = loop.fma(ratio, ratio, "%sum")
    if clock >= 0:
        behind = loop.let(f"sub i64 %{loop.tag}_i, {clock}")  # the clock and what follows periodic functions
        counts = loop.let(f"icmp uge i64 {behind}, {differential - clock}")
        largest = loop.let(f"select i1 {counts}, {v} {largest}, {v} zeroinitializer")
    top = loop.max(largest, "%top")
    out.append(loop.text(size, [("%sum", total), ("%top", top)]))
    out.append(f" store {v} {total}, ptr %err, align {b}\n %topp = getelementptr i8, ptr %tol, i64 {2 * b}\n")
    out.append(f" store {v} {top}, ptr %topp, align {b}\n ret void\n}}\n")
    return "".join(out)


def write_helpers(layout: Layout, size: int, clock: int) -> str:
    """``commit`` (accept where the mask is positive), ``drift`` (largest relative change of a step), ``pace`` (first step).

    That time goes on is no drift.
    """
    v, bools = layout.vector, f"<{layout.lanes} x i1>"
    loop = Loop(layout, "k", "entry")
    kept = loop.let(f"select {bools} %yes, {v} {loop.load(loop.state(ARGUMENT))}, {v} {loop.load(loop.state(Y))}")
    loop.store(kept, loop.state(Y))
    head = f" %m = load {v}, ptr %mask, align {layout.bytes}\n %yes = fcmp ogt {v} %m, zeroinitializer\n"
    text = f"define void @commit(ptr %s, ptr %mask) #0 {{\nentry:\n{head}{loop.text(size)} ret void\n}}\n"
    loop = Loop(layout, "k", "entry")
    new = loop.load(loop.state(ARGUMENT))
    change = loop.abs(loop.bin("fsub", new, loop.load(loop.state(Y))))
    ratio = loop.bin("fdiv", change, loop.bin("fadd", loop.abs(new), "%floor"))
    if clock >= 0:
        counts = loop.let(f"icmp ne i64 %{loop.tag}_i, {clock}")
        ratio = loop.let(f"select i1 {counts}, {v} {ratio}, {v} zeroinitializer")
    top = loop.max("%largest", ratio)
    head = f" %fp = getelementptr i8, ptr %tol, i64 {layout.bytes}\n %floor = load {v}, ptr %fp, align {layout.bytes}\n"
    body = loop.text(size, [("%largest", top)])
    body += f" store {v} {top}, ptr %err, align {layout.bytes}\n ret void\n}}\n"
    text += f"define void @drift(ptr %s, ptr %tol, ptr %err) #0 {{\nentry:\n{head}{body}"
    zero = Loop(layout, "z", "entry")
    zero.store("zeroinitializer", zero.state(STAGES))
    loop = Loop(layout, "k", "z_end")
    y, f = loop.load(loop.state(Y)), loop.load(loop.state(STAGES))
    scale = loop.fma(loop.abs(y), "%rtol", "%atol")
    d0, d1 = loop.bin("fdiv", y, scale), loop.bin("fdiv", f, scale)
    size0, size1 = loop.fma(d0, d0, "%sum0"), loop.fma(d1, d1, "%sum1")
    call = f" %b = getelementptr i8, ptr %s, i64 {layout.bytes * STAGES}\n call void @rhs(ptr %s, ptr %p, ptr %b, ptr %w)\n"
    call += (
        f" %rtol = load {v}, ptr %tol, align {layout.bytes}\n %ap = getelementptr i8, ptr %tol, i64 {layout.bytes}\n"
    )
    call += f" %atol = load {v}, ptr %ap, align {layout.bytes}\n"
    body = zero.text(size) + call + loop.text(size, [("%sum0", size0), ("%sum1", size1)])
    tail = f" %q = fdiv {v} {size0}, {size1}\n store {v} %q, ptr %err, align {layout.bytes}\n ret void\n}}\n"
    return text + f"define void @pace(ptr %s, ptr %p, ptr %w, ptr %tol, ptr %err) #0 {{\nentry:\n{body}{tail}"
