"""Programs -> LLVM IR text over SIMD lanes: one lane is one parameter set."""

import re
from collections.abc import Mapping, Sequence

from hepatica.compiler.lower import Operation, Program
from hepatica.compiler.tableaux import Tableau
from hepatica.compiler.targets.llvm_layout import Layout
from hepatica.compiler.targets.llvm_loop import write_elimination
from hepatica.compiler.targets.llvm_math import (
    MATH_FUNCTIONS,
    declare_reciprocal,
    reciprocal,
    write_factorial,
    write_vector_math,
)
from hepatica.compiler.targets.llvm_past import PAST, write_past
from hepatica.compiler.targets.llvm_read import UNROLL, Readout, write_readout, write_tables
from hepatica.compiler.targets.llvm_step import write_helpers, write_step

BLOCK = 256
COMPARE = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
INTRINSICS = {"sqrt": "sqrt", "abs": "fabs", "floor": "floor", "ceil": "ceil", "min": "minimum", "max": "maximum"}
FUSED = ("fma", "fms", "fnma")
LIBM = ("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh")


class Writer:
    """Writes one straight-line function, split into basic blocks of bounded size so that LLVM stays linear."""

    def __init__(self, program: Program, layout: Layout, strides: Mapping[str, int]) -> None:
        self.program, self.layout, self.strides = program, layout, strides
        self.lines: list[str] = []
        self.names: list[str] = []
        self.count = self.blocks = self.fresh = 0

    def text(self) -> str:
        """Give the function."""
        for operation in self.program.code:
            self.names.append(self._operation(operation))
            if self.count > BLOCK:
                self.blocks += 1
                self.count = 0
                self.lines.append(f" br label %B{self.blocks}\nB{self.blocks}:")
        arguments = ", ".join(f"ptr noalias %{a}" for a in self.program.arguments)
        if self.program.tail:
            self.lines.append(" call void @eliminate(ptr %lu)")
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
_ARM_CONTROL = """declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)
define void @flush_denormals(ptr %saved) {
 %old = call i64 @llvm.aarch64.get.fpcr()
 store i64 %old, ptr %saved, align 8
 %set = or i64 %old, 16777216
 call void @llvm.aarch64.set.fpcr(i64 %set)
 ret void
}
define void @restore_control(ptr %saved) {
 %old = load i64, ptr %saved, align 8
 call void @llvm.aarch64.set.fpcr(i64 %old)
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


def functions_of(text: str) -> tuple[str, ...]:
    """Names of the functions in a module that the solver may call."""
    return tuple(re.findall(r"^define void @(\w+)\(", text, re.MULTILINE))


def write_ir(
    programs: Sequence[Program],
    layout: Layout,
    tableaux: Sequence[Tableau],
    size: int,
    differential: int,
    clock: int,
    readout: Readout,
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
    readout
        What is read out.
    """
    v, m = layout.vector, layout.mangled
    interleaved = {
        "rhs": {"y": layout.slots, "b": layout.slots},
        "factor": {"y": layout.slots},
        "solve": {"b": layout.slots},
    }
    unary = ("fabs", "sqrt", "floor", "ceil", "rint", *LIBM)
    out = [f"declare {v} @llvm.{name}.{m}({v})\n" for name in unary]
    out += [f"declare {v} @llvm.{name}.{m}({v}, {v})\n" for name in ("minimum", "maximum")]
    kinds = {m: v, "f64": "double", f"v{UNROLL}f64": f"<{UNROLL} x double>"}
    out += [f"declare {kind} @llvm.fma.{name}({kind}, {kind}, {kind})\n" for name, kind in kinds.items()]
    out.append(write_tables(readout, size))
    if layout.processor == "avx512":
        out.append(declare_reciprocal(layout))
    used = {str(op[0]) for program in programs for op in program.code}
    if used & set(MATH_FUNCTIONS):
        out.append(write_vector_math(layout))
    if "factorial" in used:
        out.append(write_factorial(layout))
    if used & set(PAST):
        out.append(write_past(layout))
    out += [Writer(program, layout, interleaved.get(program.name, {})).text() for program in programs]
    out += [write_elimination(layout, program.tail) for program in programs if program.tail]
    for tableau in tableaux:
        out += [write_step(layout, tableau, size, differential, clock), write_readout(layout, tableau, size, readout)]
    out += [write_helpers(layout, size, clock), CONTROL.get(layout.processor, _NO_CONTROL)]
    out.append('attributes #0 = { nounwind "frame-pointer"="none" }\n')
    return "".join(out)
