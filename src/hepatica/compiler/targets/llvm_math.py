"""exp, ln and pow on vectors as LLVM IR, since LLVM would call libm lane by lane.

``exp`` and ``ln`` are within 2 units in the last place over the range of doubles (denormals count as zero); ``pow`` is
``exp(b ln |a|)`` with the sign rules of C, so that its relative error grows as ``|b ln a|`` times 1e-16.
Argument reduction after W. J. Cody and W. Waite, Software Manual for the Elementary Functions, Prentice-Hall 1980.
"""

from collections.abc import Callable
from math import factorial
from typing import Protocol

MATH_FUNCTIONS = ("exp", "ln", "pow")


class _Layout(Protocol):
    @property
    def lanes(self) -> int: ...
    @property
    def vector(self) -> str: ...
    @property
    def mangled(self) -> str: ...
    def splat(self, x: float) -> str: ...


class _Function:
    def __init__(self, layout: _Layout, name: str, arguments: str) -> None:
        self.layout, self.fresh = layout, 0
        self.lines: list[str] = []
        self.head = f"define {layout.vector} @hp_{name}({arguments}) #0 {{"

    def let(self, text: str) -> str:
        self.fresh += 1
        self.lines.append(f" %t{self.fresh} = {text}")
        return f"%t{self.fresh}"

    def bin(self, operator: str, a: str, b: str) -> str:
        return self.let(f"{operator} {self.layout.vector} {a}, {b}")

    def fma(self, a: str, b: str, c: str) -> str:
        v = self.layout.vector
        return self.let(f"call {v} @llvm.fma.{self.layout.mangled}({v} {a}, {v} {b}, {v} {c})")

    def unary(self, name: str, a: str) -> str:
        return self.let(f"call {self.layout.vector} @llvm.{name}.{self.layout.mangled}({self.layout.vector} {a})")

    def compare(self, how: str, a: str, b: str) -> str:
        return self.let(f"fcmp {how} {self.layout.vector} {a}, {b}")

    def select(self, condition: str, a: str, b: str) -> str:
        v = self.layout.vector
        return self.let(f"select <{self.layout.lanes} x i1> {condition}, {v} {a}, {v} {b}")

    def text(self, result: str) -> str:
        return "\n".join([self.head, *self.lines, f" ret {self.layout.vector} {result}", "}"]) + "\n"


def _exp(layout: _Layout) -> str:
    f, c, v = _Function(layout, "exp", f"{layout.vector} %x"), layout.splat, layout.vector
    integers = f"<{layout.lanes} x i64>"
    clipped = f.select(f.compare("ogt", "%x", c(720.0)), c(720.0), "%x")
    clipped = f.select(f.compare("olt", clipped, c(-760.0)), c(-760.0), clipped)
    n = f.unary("rint", f.bin("fmul", clipped, c(1.4426950408889634)))
    minus = f.let(f"fneg {v} {n}")
    r = f.fma(minus, c(0.693147180369123816490), clipped)
    r = f.fma(minus, c(1.90821492927058770002e-10), r)
    total = c(1.0 / factorial(13))
    for k in range(12, -1, -1):
        total = f.fma(total, r, c(1.0 / factorial(k)))
    # 2^n in two halves, so that neither leaves the range of exponents
    half = f.unary("floor", f.bin("fmul", n, c(0.5)))
    for part in (half, f.bin("fsub", n, half)):
        whole = f.let(f"fptosi {v} {part} to {integers}")
        biased = f.let(f"add {integers} {whole}, splat (i64 1023)")
        bits = f.let(f"shl {integers} {biased}, splat (i64 52)")
        total = f.bin("fmul", total, f.let(f"bitcast {integers} {bits} to {v}"))
    total = f.select(f.compare("ogt", "%x", c(709.782712893384)), c(float("inf")), total)
    total = f.select(f.compare("olt", "%x", c(-745.2)), c(0.0), total)
    return f.text(f.select(f.compare("uno", "%x", "%x"), "%x", total))


def _ln(layout: _Layout) -> str:
    f, c, v = _Function(layout, "ln", f"{layout.vector} %x"), layout.splat, layout.vector
    integers = f"<{layout.lanes} x i64>"
    bits = f.let(f"bitcast {v} %x to {integers}")
    exponent = f.let(f"lshr {integers} {bits}, splat (i64 52)")
    e = f.let(f"sitofp {integers} {f.let(f'sub {integers} {exponent}, splat (i64 1022)')} to {v}")
    mantissa = f.let(f"and {integers} {bits}, splat (i64 4503599627370495)")
    m = f.let(f"bitcast {integers} {f.let(f'or {integers} {mantissa}, splat (i64 4602678819172646912)')} to {v}")
    small = f.compare("olt", m, c(0.7071067811865476))
    m = f.select(small, f.bin("fadd", m, m), m)
    e = f.select(small, f.bin("fsub", e, c(1.0)), e)
    g = f.bin("fsub", m, c(1.0))
    s = f.bin("fdiv", g, f.bin("fadd", m, c(1.0)))
    z = f.bin("fmul", s, s)
    total = c(2.0 / 23.0)
    for k in range(21, 2, -2):
        total = f.fma(total, z, c(2.0 / k))
    # ln m = g - s (g - z P(z)), exact in its leading term (as 2 s = g - g s)
    tail = f.bin("fmul", z, total)
    inner = f.bin("fmul", s, f.bin("fsub", g, tail))
    low = f.fma(e, c(1.90821492927058770002e-10), f.let(f"fneg {v} {inner}"))
    total = f.fma(e, c(0.693147180369123816490), f.bin("fadd", g, low))
    total = f.select(f.compare("oeq", "%x", c(float("inf"))), "%x", total)
    total = f.select(f.compare("olt", "%x", c(2.2250738585072014e-308)), c(-float("inf")), total)
    bad = f.compare("ult", "%x", "zeroinitializer")
    return f.text(f.select(bad, c(float("nan")), total))


def _pow(layout: _Layout) -> str:
    v, c = layout.vector, layout.splat
    f = _Function(layout, "pow", f"{v} %a, {v} %b")
    logarithm = f.let(f"call {v} @hp_ln({v} {f.unary('fabs', '%a')})")
    size = f.let(f"call {v} @hp_exp({v} {f.bin('fmul', '%b', logarithm)})")
    whole = f.compare("oeq", f.unary("floor", "%b"), "%b")
    half = f.bin("fmul", "%b", c(0.5))
    even = f.compare("oeq", f.unary("floor", half), half)
    signed = f.select(even, size, f.let(f"fneg {v} {size}"))
    negative = f.select(whole, signed, c(float("nan")))
    out = f.select(f.compare("olt", "%a", c(0.0)), negative, size)
    return f.text(f.select(f.compare("oeq", "%b", "zeroinitializer"), c(1.0), out))


def reciprocal(let: Callable[[str], str], layout: _Layout, x: str, *, avx512: bool) -> str:
    """Write 1/x, within one unit in the last place, and give the name of the value.

    A division of eight lanes takes as long as sixteen multiply-adds. With AVX-512 the processor's estimate (14 bits) and two
    Newton steps replace it; for zero and infinity, where the steps make no sense, the estimate is exact.
    """
    v, m, one = layout.vector, layout.mangled, layout.splat(1.0)
    if not avx512:
        return let(f"fdiv {v} {one}, {x}")
    lanes = max(2, layout.lanes)
    wide, argument = f"<{lanes} x double>", x
    if layout.lanes == 1:
        argument = let(f"shufflevector {v} {x}, {v} zeroinitializer, <2 x i32> zeroinitializer")
    guess = let(f"call {wide} @llvm.x86.avx512.rcp14.pd.{64 * lanes}({wide} {argument}, {wide} zeroinitializer, i8 -1)")
    if layout.lanes == 1:
        guess = let(f"shufflevector {wide} {guess}, {wide} zeroinitializer, <1 x i32> zeroinitializer")

    def fma(a: str, b: str, c: str) -> str:
        return let(f"call {v} @llvm.fma.{m}({v} {a}, {v} {b}, {v} {c})")

    minus = let(f"fneg {v} {x}")
    error = fma(minus, guess, one)
    better = fma(guess, error, guess)
    better = fma(better, fma(minus, better, one), better)
    special = let(f"fcmp uno {v} {error}, {error}")
    return let(f"select <{layout.lanes} x i1> {special}, {v} {guess}, {v} {better}")


def declare_reciprocal(layout: _Layout) -> str:
    """Declare the processor's estimate."""
    wide = f"<{max(2, layout.lanes)} x double>"
    return f"declare {wide} @llvm.x86.avx512.rcp14.pd.{64 * max(2, layout.lanes)}({wide}, {wide}, i8)\n"


def write_vector_math(layout: _Layout) -> str:
    """Write the three functions for a layout."""
    return _exp(layout) + _ln(layout) + _pow(layout)


def write_factorial(layout: _Layout) -> str:
    """Write the factorial, lane by lane with the gamma function of the C library; negative numbers have none.

    Nothing that needs speed has one.
    """
    v, last = layout.vector, "zeroinitializer"
    lines = ["declare double @tgamma(double)", f"define {v} @hp_factorial({v} %x) #0 {{"]
    for q in range(layout.lanes):
        lines += [f" %x{q} = extractelement {v} %x, i64 {q}", f" %a{q} = fadd double %x{q}, 1.0"]
        lines += [
            f" %g{q} = call double @tgamma(double %a{q})",
            f" %n{q} = fcmp olt double %x{q}, 0.0",
            f" %r{q} = select i1 %n{q}, double 0x7FF8000000000000, double %g{q}",
            f" %v{q} = insertelement {v} {last}, double %r{q}, i64 {q}",
        ]
        last = f"%v{q}"
    return "\n".join([*lines, f" ret {v} {last}", "}"]) + "\n"
