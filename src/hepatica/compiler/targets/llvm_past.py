"""The past of delayed quantities as LLVM IR: piecewise polynomials in memory that the solver fills.

A lane's memory is reached through a hidden parameter, which holds its address. It begins with the number of
records so far, how many fit, how many quantities there are, and the value of each before the start; then come the records,
overwritten from the oldest on: begin and end of a step, and five coefficients for each quantity.
"""

from typing import Protocol


class _Layout(Protocol):
    @property
    def lanes(self) -> int: ...
    @property
    def vector(self) -> str: ...


PAST = ("past", "past_slope")
COEFFICIENTS = 5
HEADER = 3

_SCALAR = """define internal double @hp_{name}_one(double %bits, double %which, double %t) {{
entry:
 %address = bitcast double %bits to i64
 %base = inttoptr i64 %address to ptr
 %absent = icmp eq i64 %address, 0
 br i1 %absent, label %none, label %head
none:
 ret double 0.0
head:
 %k = fptosi double %which to i64
 %countf = load double, ptr %base
 %count = fptosi double %countf to i64
 %roomp = getelementptr double, ptr %base, i64 1
 %roomf = load double, ptr %roomp
 %room = fptosi double %roomf to i64
 %widthp = getelementptr double, ptr %base, i64 2
 %widthf = load double, ptr %widthp
 %width = fptosi double %widthf to i64
 %k3 = add i64 %k, {header}
 %beforep = getelementptr double, ptr %base, i64 %k3
 %before = load double, ptr %beforep
 %first = add i64 %width, {header}
 %records = getelementptr double, ptr %base, i64 %first
 %w5 = mul i64 %width, {coefficients}
 %size = add i64 %w5, 2
 %lost = sub i64 %count, %room
 %some = icmp sgt i64 %lost, 0
 %oldest = select i1 %some, i64 %lost, i64 0
 %newest = sub i64 %count, 1
 %empty = icmp eq i64 %count, 0
 br i1 %empty, label %early, label %search
early:
 ret double {early}
search:
 %low = phi i64 [%oldest, %head], [%low2, %probe]
 %high = phi i64 [%newest, %head], [%high2, %probe]
 %wide = icmp slt i64 %low, %high
 br i1 %wide, label %probe, label %found
probe:
 %sum = add i64 %low, %high
 %sum1 = add i64 %sum, 1
 %mid = ashr i64 %sum1, 1
 %midm = urem i64 %mid, %room
 %mido = mul i64 %midm, %size
 %midp = getelementptr double, ptr %records, i64 %mido
 %midt = load double, ptr %midp
 %in = fcmp ole double %midt, %t
 %less = sub i64 %mid, 1
 %low2 = select i1 %in, i64 %mid, i64 %low
 %high2 = select i1 %in, i64 %high, i64 %less
 br label %search
found:
 %lowm = urem i64 %low, %room
 %lowo = mul i64 %lowm, %size
 %row = getelementptr double, ptr %records, i64 %lowo
 %begin = load double, ptr %row
 %endp = getelementptr double, ptr %row, i64 1
 %end = load double, ptr %endp
 %too = fcmp olt double %t, %begin
 %forgotten = icmp sgt i64 %low, 0
 %answer = select i1 %forgotten, double 0x7FF8000000000000, double {early}
 br i1 %too, label %outside, label %inside
outside:
 ret double %answer
inside:
 %k5 = mul i64 %k, {coefficients}
 %k52 = add i64 %k5, 2
 %cp0 = getelementptr double, ptr %row, i64 %k52
 %cp1 = getelementptr double, ptr %cp0, i64 1
 %cp2 = getelementptr double, ptr %cp0, i64 2
 %cp3 = getelementptr double, ptr %cp0, i64 3
 %cp4 = getelementptr double, ptr %cp0, i64 4
 %c0 = load double, ptr %cp0
 %c1 = load double, ptr %cp1
 %c2 = load double, ptr %cp2
 %c3 = load double, ptr %cp3
 %c4 = load double, ptr %cp4
 %span = fsub double %end, %begin
 %since = fsub double %t, %begin
 %x = fdiv double %since, %span
{value}}}
"""
_VALUE = """ %h3 = call double @llvm.fma.f64(double %c4, double %x, double %c3)
 %h2 = call double @llvm.fma.f64(double %h3, double %x, double %c2)
 %h1 = call double @llvm.fma.f64(double %h2, double %x, double %c1)
 %h0 = call double @llvm.fma.f64(double %h1, double %x, double %c0)
 ret double %h0
"""
_SLOPE = """ %d4 = fmul double %c4, 4.0
 %d3 = fmul double %c3, 3.0
 %d2 = fmul double %c2, 2.0
 %h2 = call double @llvm.fma.f64(double %d4, double %x, double %d3)
 %h1 = call double @llvm.fma.f64(double %h2, double %x, double %d2)
 %h0 = call double @llvm.fma.f64(double %h1, double %x, double %c1)
 %slope = fdiv double %h0, %span
 ret double %slope
"""


def write_past(layout: _Layout) -> str:
    """Write ``hp_past`` and ``hp_past_slope``: (addresses, quantity, time) of all lanes to values."""
    v = layout.vector
    out: list[str] = []
    for name, value, early in (("past", _VALUE, "%before"), ("past_slope", _SLOPE, "0.0")):
        out.append(_SCALAR.format(name=name, value=value, early=early, header=HEADER, coefficients=COEFFICIENTS))
        lines = [f"define {v} @hp_{name}({v} %bits, {v} %k, {v} %t) #0 {{"]
        last = "zeroinitializer"
        for q in range(layout.lanes):
            lines += [f" %{a}{q} = extractelement {v} %{a}, i64 {q}" for a in ("bits", "k", "t")]
            lines.append(f" %r{q} = call double @hp_{name}_one(double %bits{q}, double %k{q}, double %t{q})")
            lines.append(f" %v{q} = insertelement {v} {last}, double %r{q}, i64 {q}")
            last = f"%v{q}"
        out.append("\n".join([*lines, f" ret {v} {last}", "}"]) + "\n")
    return "".join(out)
