"""Programs -> LLVM IR text over SIMD lanes.

One lane is one parameter set. States, stage vectors and dense-output coefficients of all lanes interleave in one array
``s[state][slot][lane]``: slot 0 is y, slot 1 the stage argument, then the stages U, then the dense coefficients K.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hepatica.compiler.lower import Operation, Program
from hepatica.compiler.tableaux import Tableau
from hepatica.compiler.targets.llvm_math import (
    MATH_FUNCTIONS,
    declare_reciprocal,
    reciprocal,
    write_factorial,
    write_vector_math,
)
from hepatica.compiler.targets.llvm_past import PAST, write_past

Y, ARGUMENT, STAGES = 0, 1, 2
BLOCK = 256
COMPARE = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
INTRINSICS = {"sqrt": "sqrt", "abs": "fabs", "floor": "floor", "ceil": "ceil", "min": "minnum", "max": "maxnum"}
FUSED = ("fma", "fms", "fnma")
LIBM = ("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh")


@dataclass(frozen=True, slots=True)
class Layout:
    """Lanes, the slots of the interleaved state array, and the kind of processor: ``avx512``, ``x86``, ``aarch64``, ``any``."""

    lanes: int
    slots: int
    processor: str = "any"

    @property
    def vector(self) -> str:
        """The LLVM type of one value over all lanes."""
        return f"<{self.lanes} x double>"

    @property
    def mangled(self) -> str:
        """The type's name in intrinsics."""
        return f"v{self.lanes}f64"

    @property
    def bytes(self) -> int:
        """Size of one value over all lanes."""
        return 8 * self.lanes

    def splat(self, x: float) -> str:
        """A constant in every lane."""
        if x == 0.0:
            return "zeroinitializer"
        bits = struct.unpack("<Q", struct.pack("<d", x))[0]
        return f"splat (double 0x{bits:016X})"


def layout_for(lanes: int, tableaux: Sequence[Tableau], processor: str) -> Layout:
    """Slots for the largest method; an odd number keeps neighbouring states off the same cache set."""
    slots = STAGES + max(t.stages for t in tableaux) + max(len(t.dense) for t in tableaux)
    return Layout(lanes, slots | 1, processor)


class _Writer:
    """Writes one straight-line function, split into basic blocks of bounded size so that LLVM stays linear."""

    def __init__(self, program: Program, layout: Layout, strides: Mapping[str, int]) -> None:
        self.program, self.layout, self.strides = program, layout, strides
        self.lines: list[str] = []
        self.names: list[str] = []
        self.count = self.blocks = self.fresh = 0

    def text(self) -> str:
        for operation in self.program.code:
            self.names.append(self._operation(operation))
            if self.count > BLOCK:
                self.blocks += 1
                self.count = 0
                self.lines.append(f" br label %B{self.blocks}\nB{self.blocks}:")
        arguments = ", ".join(f"ptr noalias %{a}" for a in self.program.arguments)
        body = "\n".join(self.lines)
        return f"define void @{self.program.name}({arguments}) #0 {{\n{body}\n ret void\n}}\n"

    def _let(self, text: str) -> str:
        self.fresh += 1
        self.count += 1
        self.lines.append(f" %v{self.fresh} = {text}")
        return f"%v{self.fresh}"

    def _address(self, array: str, index: int) -> str:
        offset = index * self.strides.get(array, 1) * self.layout.bytes
        return self._let(f"getelementptr i8, ptr %{array}, i64 {offset}") if offset else f"%{array}"

    def _operation(self, operation: Operation) -> str:
        v = self.layout.vector
        name, *arguments = operation
        if name == "const":
            return self.layout.splat(float(arguments[0]))
        if name == "load":
            return self._let(
                f"load {v}, ptr {self._address(str(arguments[0]), int(arguments[1]))}, align {self.layout.bytes}"
            )
        if name == "store":
            where = self._address(str(arguments[0]), int(arguments[1]))
            self.lines.append(f" store {v} {self.names[int(arguments[2])]}, ptr {where}, align {self.layout.bytes}")
            return ""
        return self._combine(str(name), [self.names[int(k)] for k in arguments])

    def _combine(self, name: str, x: list[str]) -> str:
        layout = self.layout
        v, m = layout.vector, layout.mangled
        one, zero = layout.splat(1.0), "zeroinitializer"
        bools = f"<{layout.lanes} x i1>"
        if name in {"+", "-", "*"}:
            return self._let(f"{ {'+': 'fadd', '-': 'fsub', '*': 'fmul'}[name] } {v} {x[0]}, {x[1]}")
        if name == "neg":
            return self._let(f"fneg {v} {x[0]}")
        if name == "inv":
            return reciprocal(self._let, layout, x[0], avx512=layout.processor == "avx512")
        if name == "div":
            return self._let(f"fdiv {v} {x[0]}, {x[1]}")
        if name in FUSED:
            a, c = x[0], x[2]
            if name == "fnma":
                a = self._let(f"fneg {v} {a}")
            if name == "fms":
                c = self._let(f"fneg {v} {c}")
            return self._let(f"call {v} @llvm.fma.{m}({v} {a}, {v} {x[1]}, {v} {c})")
        if name in INTRINSICS:
            return self._let(f"call {v} @llvm.{INTRINSICS[name]}.{m}({', '.join(f'{v} {a}' for a in x)})")
        if name in {*MATH_FUNCTIONS, *PAST}:
            return self._let(f"call {v} @hp_{name}({', '.join(f'{v} {a}' for a in x)})")
        if name in LIBM:
            return self._let(f"call {v} @llvm.{name}.{m}({v} {x[0]})")
        if name == "factorial":
            return self._let(f"call {v} @hp_factorial({v} {x[0]})")
        if name in COMPARE:
            return self._truth(self._let(f"fcmp {COMPARE[name]} {v} {x[0]}, {x[1]}"))
        true = [self._let(f"fcmp une {v} {a}, {zero}") for a in (x[:1] if name in {"select", "not"} else x)]
        if name == "select":
            return self._let(f"select {bools} {true[0]}, {v} {x[1]}, {v} {x[2]}")
        if name == "not":
            return self._let(f"select {bools} {true[0]}, {v} {zero}, {v} {one}")
        return self._truth(self._let(f"{name} {bools} {true[0]}, {true[1]}"))

    def _truth(self, condition: str) -> str:
        layout = self.layout
        return self._let(
            f"select <{layout.lanes} x i1> {condition}, {layout.vector} {layout.splat(1.0)}, {layout.vector} zeroinitializer"
        )


class _Loop:
    """Writes a loop over states; ``state(slot)`` addresses the interleaved array, ``plain(array)`` a dense one."""

    def __init__(self, layout: Layout, tag: str, before: str) -> None:
        self.layout, self.tag, self.before = layout, tag, before
        self.lines: list[str] = []
        self.fresh = 0

    def let(self, text: str) -> str:
        self.fresh += 1
        name = f"%{self.tag}_{self.fresh}"
        self.lines.append(f" {name} = {text}")
        return name

    def state(self, slot: int) -> str:
        return self.let(f"getelementptr i8, ptr %{self.tag}_row, i64 {slot * self.layout.bytes}")

    def plain(self, array: str) -> str:
        return self.let(f"getelementptr i8, ptr %{array}, i64 %{self.tag}_plain")

    def load(self, pointer: str) -> str:
        return self.let(f"load {self.layout.vector}, ptr {pointer}, align {self.layout.bytes}")

    def store(self, value: str, pointer: str) -> None:
        self.lines.append(f" store {self.layout.vector} {value}, ptr {pointer}, align {self.layout.bytes}")

    def bin(self, operator: str, a: str, b: str) -> str:
        return self.let(f"{operator} {self.layout.vector} {a}, {b}")

    def fma(self, a: str, b: str, c: str) -> str:
        v = self.layout.vector
        return self.let(f"call {v} @llvm.fma.{self.layout.mangled}({v} {a}, {v} {b}, {v} {c})")

    def abs(self, a: str) -> str:
        return self.let(f"call {self.layout.vector} @llvm.fabs.{self.layout.mangled}({self.layout.vector} {a})")

    def max(self, a: str, b: str) -> str:
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
        head.append(f" %{t}_plain = mul i64 %{t}_i, {self.layout.bytes}")
        head.append(f" %{t}_offset = mul i64 %{t}_i, {self.layout.bytes * self.layout.slots}")
        head.append(f" %{t}_row = getelementptr i8, ptr %s, i64 %{t}_offset")
        tail = [
            f" %{t}_next = add i64 %{t}_i, 1",
            f" %{t}_more = icmp ult i64 %{t}_next, {size}",
            f" br i1 %{t}_more, label %{t}_body, label %{t}_end\n{t}_end:",
        ]
        return "\n".join([*head, *self.lines, *tail]) + "\n"


def _step(layout: Layout, tableau: Tableau, size: int, differential: int, clock: int) -> str:
    """One whole step of a method: factor, stages, new state into the argument slot, squared error norm into ``err``.

    The largest state but the clock goes behind the tolerances.

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
        loop = _Loop(layout, f"s{i}", before)
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
    loop = _Loop(layout, "e", before)
    error = loop.load(loop.state(STAGES + tableau.stages - 1))
    new = loop.bin("fadd", loop.load(loop.state(ARGUMENT)), error)
    loop.store(new, loop.state(ARGUMENT))
    largest = loop.max(loop.abs(loop.load(loop.state(Y))), loop.abs(new))
    ratio = loop.bin("fdiv", error, loop.fma(largest, "%rtol", "%atol"))
    total = loop.fma(ratio, ratio, "%sum")
    if clock >= 0:
        counts = loop.let(f"icmp ne i64 %{loop.tag}_i, {clock}")
        largest = loop.let(f"select i1 {counts}, {v} {largest}, {v} zeroinitializer")
    top = loop.max(largest, "%top")
    out.append(loop.text(size, [("%sum", total), ("%top", top)]))
    out.append(f" store {v} {total}, ptr %err, align {b}\n %topp = getelementptr i8, ptr %tol, i64 {2 * b}\n")
    out.append(f" store {v} {top}, ptr %topp, align {b}\n ret void\n}}\n")
    return "".join(out)


def _dense(layout: Layout, tableau: Tableau, size: int) -> str:
    """Coefficients of the continuous output from the stages, and its value at ``theta`` into ``o``."""
    v, first = layout.vector, STAGES + tableau.stages
    loop = _Loop(layout, "k", "entry")
    stages = [loop.load(loop.state(STAGES + j)) for j in range(len(tableau.dense[0]))]
    for q, row in enumerate(tableau.dense):
        x = loop.bin("fmul", stages[0], layout.splat(row[0]))
        for u, h in zip(stages[1:], row[1:], strict=True):
            x = loop.fma(u, layout.splat(h), x)
        loop.store(x, loop.state(first + q))
    text = f"define void @dense_{tableau.name}(ptr %s) #0 {{\nentry:\n{loop.text(size)} ret void\n}}\n"
    loop = _Loop(layout, "k", "entry")
    k = [loop.load(loop.state(first + q)) for q in range(len(tableau.dense))]
    x = k[-1]
    for coefficient in reversed(k[:-1]):
        x = loop.fma(x, "%th", coefficient)
    x = loop.fma(x, "%rest", loop.load(loop.state(ARGUMENT)))
    x = loop.bin("fmul", x, "%th")
    loop.store(loop.fma(loop.load(loop.state(Y)), "%rest", x), loop.plain("o"))
    head = f" %th = load {v}, ptr %theta, align {layout.bytes}\n %rest = fsub {v} {layout.splat(1.0)}, %th\n"
    return (
        text
        + f"define void @at_{tableau.name}(ptr %s, ptr %theta, ptr %o) #0 {{\nentry:\n{head}{loop.text(size)} ret void\n}}\n"
    )


def _helpers(layout: Layout, size: int) -> str:
    """``commit`` (accept where the mask is positive), ``drift`` (largest relative change of a step), ``pace`` (first step)."""
    v, bools = layout.vector, f"<{layout.lanes} x i1>"
    loop = _Loop(layout, "k", "entry")
    kept = loop.let(f"select {bools} %yes, {v} {loop.load(loop.state(ARGUMENT))}, {v} {loop.load(loop.state(Y))}")
    loop.store(kept, loop.state(Y))
    head = f" %m = load {v}, ptr %mask, align {layout.bytes}\n %yes = fcmp ogt {v} %m, zeroinitializer\n"
    text = f"define void @commit(ptr %s, ptr %mask) #0 {{\nentry:\n{head}{loop.text(size)} ret void\n}}\n"
    loop = _Loop(layout, "k", "entry")
    new = loop.load(loop.state(ARGUMENT))
    change = loop.abs(loop.bin("fsub", new, loop.load(loop.state(Y))))
    ratio = loop.bin("fdiv", change, loop.bin("fadd", loop.abs(new), "%floor"))
    top = loop.max("%largest", ratio)
    head = f" %fp = getelementptr i8, ptr %tol, i64 {layout.bytes}\n %floor = load {v}, ptr %fp, align {layout.bytes}\n"
    body = loop.text(size, [("%largest", top)])
    body += f" store {v} {top}, ptr %err, align {layout.bytes}\n ret void\n}}\n"
    text += f"define void @drift(ptr %s, ptr %tol, ptr %err) #0 {{\nentry:\n{head}{body}"
    zero = _Loop(layout, "z", "entry")
    zero.store("zeroinitializer", zero.state(STAGES))
    loop = _Loop(layout, "k", "z_end")
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


# bits 15 and 6 of x86's MXCSR, bit 24 of Arm's FPCR
_X86_CONTROL = """declare void @llvm.x86.sse.ldmxcsr(ptr)
declare void @llvm.x86.sse.stmxcsr(ptr)
define void @flush_denormals(ptr %saved) {
 %new = alloca i32, align 4
 call void @llvm.x86.sse.stmxcsr(ptr %saved)
 %old = load i32, ptr %saved, align 4
 %set = or i32 %old, 32832
 store i32 %set, ptr %new, align 4
 call void @llvm.x86.sse.ldmxcsr(ptr %new)
 ret void
}
define void @restore_control(ptr %saved) {
 call void @llvm.x86.sse.ldmxcsr(ptr %saved)
 ret void
}
"""
_ARM_CONTROL = """define void @flush_denormals(ptr %saved) {
 %old = call i64 asm sideeffect "mrs $0, fpcr", "=r"()
 store i64 %old, ptr %saved, align 8
 %set = or i64 %old, 16777216
 call void asm sideeffect "msr fpcr, $0", "r"(i64 %set)
 ret void
}
define void @restore_control(ptr %saved) {
 %old = load i64, ptr %saved, align 8
 call void asm sideeffect "msr fpcr, $0", "r"(i64 %old)
 ret void
}
"""
_NO_CONTROL = """define void @flush_denormals(ptr %saved) {
 ret void
}
define void @restore_control(ptr %saved) {
 ret void
}
"""
CONTROL = {"avx512": _X86_CONTROL, "x86": _X86_CONTROL, "aarch64": _ARM_CONTROL}


def exported(tableaux: Sequence[Tableau]) -> tuple[str, ...]:
    """Names of the functions in a module."""
    methods = [f"{kind}_{t.name}" for t in tableaux for kind in ("step", "dense", "at")]
    return (
        "rhs",
        "factor",
        "solve",
        "observe",
        "initial",
        "prepare",
        "watch",
        "happen",
        "remember",
        "commit",
        "drift",
        "pace",
        "flush_denormals",
        "restore_control",
        *methods,
    )


def write_ir(
    programs: Sequence[Program], layout: Layout, tableaux: Sequence[Tableau], size: int, differential: int, clock: int
) -> str:
    """Write the module of a model.

    Parameters
    ----------
    programs
        rhs, factor, solve, and those that give outputs.
    layout
        Lanes, slots and processor.
    tableaux
        Methods to include.
    size, differential, clock
        Number of states, and of differential ones; the state that is time, -1 without one.
    """
    v, m = layout.vector, layout.mangled
    interleaved = {
        "rhs": {"y": layout.slots, "b": layout.slots},
        "factor": {"y": layout.slots},
        "solve": {"b": layout.slots},
    }
    unary = ("fabs", "sqrt", "floor", "ceil", "rint", *LIBM)
    out = [f"declare {v} @llvm.{name}.{m}({v})\n" for name in unary]
    out += [f"declare {v} @llvm.{name}.{m}({v}, {v})\n" for name in ("minnum", "maxnum")]
    out.append(f"declare {v} @llvm.fma.{m}({v}, {v}, {v})\n")
    if layout.processor == "avx512":
        out.append(declare_reciprocal(layout))
    used = {str(op[0]) for program in programs for op in program.code}
    if used & set(MATH_FUNCTIONS):
        out.append(write_vector_math(layout))
    if "factorial" in used:
        out.append(write_factorial(layout))
    if used & set(PAST):
        out.append(write_past(layout))
    out += [_Writer(program, layout, interleaved.get(program.name, {})).text() for program in programs]
    for tableau in tableaux:
        out += [_step(layout, tableau, size, differential, clock), _dense(layout, tableau, size)]
    out += [_helpers(layout, size), CONTROL.get(layout.processor, _NO_CONTROL)]
    out.append('attributes #0 = { nounwind "frame-pointer"="none" }\n')
    return "".join(out)
