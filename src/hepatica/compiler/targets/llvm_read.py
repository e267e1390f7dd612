"""Reading a step as LLVM IR: the continuous output of a method, for all lanes at once or as rows of one lane.

Where the observables are states, ``unpack`` turns the polynomials of a step from all lanes of a state side by side to all
states of a lane side by side, transposing squares of lanes x lanes in registers; ``row`` then evaluates one lane at one time
over all states. Otherwise the observables are computed for all lanes at once, each lane at its own time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hepatica.compiler.tableaux import Tableau
from hepatica.compiler.targets.llvm_layout import ARGUMENT, STAGES, Layout, Y
from hepatica.compiler.targets.llvm_step import Loop

UNROLL = 8
"""Observables that ``row`` evaluates at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readout:
    """What is read out.

    Parameters
    ----------
    count
        Number of observables.
    states
        Where every observable is a state: which ones; else ``None``.
    needed
        States that the observables name.
    """

    count: int
    states: tuple[int, ...] | None
    needed: tuple[int, ...]

    @property
    def padded(self) -> int:
        """Number of observables, up to a whole number of blocks."""
        return -(-self.count // UNROLL) * UNROLL


def write_tables(readout: Readout, size: int) -> str:
    """Write the places of what is read out as constants of the module."""
    padding = (readout.states or ())[-1:] * (readout.padded - readout.count)
    out = _table("read", (*readout.states, *padding)) if readout.states else ""
    return out + (_table("needed", readout.needed) if 0 < len(readout.needed) < size else "")


def _table(name: str, values: Sequence[int]) -> str:
    inside = ", ".join(f"i32 {x}" for x in values)
    return f"@table_{name} = private unnamed_addr constant [{len(values)} x i32] [{inside}]\n"


def write_readout(layout: Layout, tableau: Tableau, size: int, readout: Readout) -> str:
    """Write the continuous output of a method.

    ``dense`` gives the coefficients from the stages, ``at`` the values at ``theta`` into ``o``; ``read_dense`` and ``read_at``
    do the same for the states that the observables name, where these are not all. ``unpack`` and ``row`` are written where the
    observables are states.
    """
    name = tableau.name
    out = _dense(layout, tableau, f"dense_{name}", f"at_{name}", size, "")
    if 0 < len(readout.needed) < size:
        out += _dense(layout, tableau, f"read_dense_{name}", f"read_at_{name}", len(readout.needed), "needed")
    return out + (_unpack(layout, tableau, readout) + _row(tableau, readout) if readout.states else "")


def _coefficients(loop: Loop, tableau: Tableau) -> list[str]:
    """Coefficients of the continuous output from the stages, for one state."""
    layout, out = loop.layout, []
    stages = [loop.load(loop.state(STAGES + j)) for j in range(len(tableau.dense[0]))]
    for row in tableau.dense:
        x = loop.bin("fmul", stages[0], layout.splat(row[0]))
        for u, h in zip(stages[1:], row[1:], strict=True):
            x = loop.fma(u, layout.splat(h), x)
        out.append(x)
    return out


def _dense(layout: Layout, tableau: Tableau, dense: str, at: str, count: int, table: str) -> str:
    v, first = layout.vector, STAGES + tableau.stages
    loop = Loop(layout, "k", "entry", table)
    for q, x in enumerate(_coefficients(loop, tableau)):
        loop.store(x, loop.state(first + q))
    text = f"define void @{dense}(ptr %s) #0 {{\nentry:\n{loop.text(count)} ret void\n}}\n"
    loop = Loop(layout, "k", "entry", table)
    k = [loop.load(loop.state(first + q)) for q in range(len(tableau.dense))]
    x = k[-1]
    for coefficient in reversed(k[:-1]):
        x = loop.fma(x, "%th", coefficient)
    x = loop.fma(x, "%rest", loop.load(loop.state(ARGUMENT)))
    x = loop.bin("fmul", x, "%th")
    loop.store(loop.fma(loop.load(loop.state(Y)), "%rest", x), loop.plain("o"))
    head = f" %th = load {v}, ptr %theta, align {layout.bytes}\n %rest = fsub {v} {layout.splat(1.0)}, %th\n"
    return (
        text + f"define void @{at}(ptr %s, ptr %theta, ptr %o) #0 {{\nentry:\n{head}{loop.text(count)} ret void\n}}\n"
    )


def _unpack(layout: Layout, tableau: Tableau, readout: Readout) -> str:
    """Write ``rows[lane][coefficient][observable]``: y, the new y, and the coefficients between them.

    Block by block: first the coefficients of as many observables as there are lanes, then the squares turned.
    """
    w, v, width = layout.lanes, layout.vector, len(tableau.dense) + 2
    loop = Loop(layout, "u", "block")
    place = loop.let("add i64 %j, %u_i")
    index = loop.let(f"load i32, ptr {loop.let(f'getelementptr i32, ptr @table_read, i64 {place}')}, align 4")
    offset = loop.let(f"mul i64 {loop.let(f'zext i32 {index} to i64')}, {layout.bytes * layout.slots}")
    loop.lines.append(f" %u_state = getelementptr i8, ptr %s, i64 {offset}")
    loop.row = "%u_state"
    for c, x in enumerate([loop.load(loop.state(Y)), loop.load(loop.state(ARGUMENT)), *_coefficients(loop, tableau)]):
        loop.store(x, loop.let(f"getelementptr {v}, ptr %square, i64 {loop.let(f'add i64 %u_i, {c * w}')}"))
    lines = [f" %first = mul i64 %c, {w}"]
    square = []
    for q in range(w):
        lines.append(f" %at{q} = add i64 %first, {q}\n %from{q} = getelementptr {v}, ptr %square, i64 %at{q}")
        lines.append(f" %x{q} = load {v}, ptr %from{q}, align {layout.bytes}")
        square.append(f"%x{q}")
    lines.append(f" %column = mul i64 %c, {readout.padded}\n %start = add i64 %column, %j")
    for lane, value in enumerate(_transposed(layout, square, lines)):
        lines.append(f" %row{lane} = add i64 %start, {lane * width * readout.padded}")
        lines.append(f" %to{lane} = getelementptr double, ptr %rows, i64 %row{lane}")
        lines.append(f" store {v} {value}, ptr %to{lane}, align 8")
    turned = "\n".join(lines)
    return (
        f"define void @unpack_{tableau.name}(ptr %s, ptr %rows) #0 {{\nentry:\n"
        f" %square = alloca [{width * w} x {v}], align 64\n br label %block\n"
        f"block:\n %j = phi i64 [0, %entry], [%jnext, %cend]\n{loop.text(w)}"
        f" br label %cbody\ncbody:\n %c = phi i64 [0, %u_end], [%cnext, %cbody]\n{turned}\n"
        f" %cnext = add i64 %c, 1\n %cmore = icmp ult i64 %cnext, {width}\n br i1 %cmore, label %cbody, label %cend\n"
        f"cend:\n %jnext = add i64 %j, {w}\n %jmore = icmp ult i64 %jnext, {readout.padded}\n"
        " br i1 %jmore, label %block, label %end\nend:\n ret void\n}\n"
    )


def _transposed(layout: Layout, values: list[str], lines: list[str]) -> list[str]:
    """Transpose a square of values: in every round, neighbours at a distance exchange halves."""
    w, v = layout.lanes, layout.vector
    distance = 1
    while distance < w:
        for i in (i for i in range(w) if not i & distance):
            pair = (values[i], values[i | distance])
            low = [w + (q ^ distance) if q & distance else q for q in range(w)]
            high = [w + q if q & distance else q ^ distance for q in range(w)]
            for target, mask in ((i, low), (i | distance, high)):
                indices = ", ".join(f"i32 {m}" for m in mask)
                name = f"%s{distance}_{target}"
                lines.append(f" {name} = shufflevector {v} {pair[0]}, {v} {pair[1]}, <{w} x i32> <{indices}>")
                values[target] = name
        distance *= 2
    return values


def _row(tableau: Tableau, readout: Readout) -> str:
    """Write ``row``: the observables of one lane at ``theta`` into ``o``; the last ones one by one, as a row has no padding."""
    whole = readout.count - readout.count % UNROLL
    vector = f"<{UNROLL} x double>"
    out = [
        f"define void @row_{tableau.name}(ptr %from, ptr %theta, ptr %o) #0 {{\nentry:\n",
        " %th = load double, ptr %theta, align 8\n %rest = fsub double 1.0, %th\n",
    ]
    for name in ("th", "rest"):
        out.append(f" %{name}a = insertelement {vector} zeroinitializer, double %{name}, i64 0\n")
        out.append(
            f" %{name}v = shufflevector {vector} %{name}a, {vector} zeroinitializer, <{UNROLL} x i32> zeroinitializer\n"
        )
    before = "entry"
    for tag, kind, step, first, last in (("b", vector, UNROLL, 0, whole), ("t", "double", 1, whole, readout.count)):
        if first == last:
            continue
        th, rest = ("%thv", "%restv") if step > 1 else ("%th", "%rest")
        head = f" br label %{tag}\n{tag}:\n %{tag}j = phi i64 [{first}, %{before}], [%{tag}next, %{tag}]\n"
        out += [head, _polynomial(tag, kind, len(tableau.dense), readout.padded, th, rest)]
        out.append(f" %{tag}next = add i64 %{tag}j, {step}\n %{tag}more = icmp ult i64 %{tag}next, {last}\n")
        out.append(f" br i1 %{tag}more, label %{tag}, label %{tag}end\n{tag}end:\n")
        before = f"{tag}end"
    return "".join(out) + " ret void\n}\n"


def _polynomial(tag: str, kind: str, terms: int, stride: int, th: str, rest: str) -> str:
    """The same operations as ``at``, over observables."""
    lines = []
    for c in range(terms + 2):
        lines.append(f" %{tag}p{c} = getelementptr double, ptr %from, i64 {c * stride}")
        lines.append(f" %{tag}q{c} = getelementptr double, ptr %{tag}p{c}, i64 %{tag}j")
        lines.append(f" %{tag}c{c} = load {kind}, ptr %{tag}q{c}, align 8")
    mangled = f"v{UNROLL}f64" if kind != "double" else "f64"
    x, fresh = f"%{tag}c{terms + 1}", 0

    def fma(a: str, b: str, c: str) -> str:
        nonlocal fresh
        fresh += 1
        lines.append(f" %{tag}f{fresh} = call {kind} @llvm.fma.{mangled}({kind} {a}, {kind} {b}, {kind} {c})")
        return f"%{tag}f{fresh}"

    for c in range(terms, 1, -1):
        x = fma(x, th, f"%{tag}c{c}")
    x = fma(x, rest, f"%{tag}c1")
    lines.append(f" %{tag}m = fmul {kind} {x}, {th}")
    x = fma(f"%{tag}c0", rest, f"%{tag}m")
    lines.append(f" %{tag}o = getelementptr double, ptr %o, i64 %{tag}j\n store {kind} {x}, ptr %{tag}o, align 8")
    return "\n".join(lines) + "\n"
