"""The end of a long elimination as a loop over a table, in LLVM IR.

Towards its end the matrix is nearly full, and straight-line code would leave the caches and take long to compile. Rows there are
long, so that a loop costs little; it makes the same operations in the same order.
"""

from collections.abc import Sequence

from hepatica.compiler.targets.llvm_layout import Layout
from hepatica.compiler.targets.llvm_math import reciprocal


def write_elimination(layout: Layout, table: Sequence[int]) -> str:
    """Write ``eliminate``, which runs over a table of :func:`~hepatica.compiler.lower.lower_elimination`."""
    v = layout.vector
    lines: list[str] = []

    def let(text: str) -> str:
        lines.append(f" %i{len(lines)} = {text}")
        return f"%i{len(lines) - 1}"

    inverse = reciprocal(let, layout, "%pivot", avx512=layout.processor == "avx512")
    numbers = ", ".join(f"i32 {x}" for x in table)
    text = _BODY.replace("INVERT", "\n".join(lines)).replace("INVERSE", inverse)
    text = text.replace("VECTOR", v).replace("MANGLED", layout.mangled).replace("BYTES", str(layout.bytes))
    size = f"[{len(table)} x i32]"
    return f"@table_eliminate = private unnamed_addr constant {size} [{numbers}]\n" + text.replace(
        "LENGTH", str(len(table))
    )


# %at runs over the table; %u is the first entry to the right of the pivot
_BODY = """define internal void @eliminate(ptr %lu) #0 {
entry:
 %end = getelementptr i32, ptr @table_eliminate, i64 LENGTH
 br label %pivots
pivots:
 %at = phi ptr [@table_eliminate, %entry], [%after, %next]
 %slot = load i32, ptr %at, align 4
 %slot64 = zext i32 %slot to i64
 %diagonal = getelementptr VECTOR, ptr %lu, i64 %slot64
 %rightp = getelementptr i32, ptr %at, i64 1
 %right = load i32, ptr %rightp, align 4
 %right64 = zext i32 %right to i64
 %belowp = getelementptr i32, ptr %at, i64 2
 %below = load i32, ptr %belowp, align 4
 %first = getelementptr i32, ptr %at, i64 3
 %u = getelementptr VECTOR, ptr %diagonal, i64 1
 %pivot = load VECTOR, ptr %diagonal, align BYTES
INVERT
 store VECTOR INVERSE, ptr %diagonal, align BYTES
 %some = icmp ne i32 %below, 0
 br i1 %some, label %rows, label %next
rows:
 %row = phi i32 [0, %pivots], [%row1, %rowend]
 %r = phi ptr [%first, %pivots], [%rafter, %rowend]
 %lslot = load i32, ptr %r, align 4
 %lslot64 = zext i32 %lslot to i64
 %lp = getelementptr VECTOR, ptr %lu, i64 %lslot64
 %l = load VECTOR, ptr %lp, align BYTES
 %ratio = fmul VECTOR %l, INVERSE
 store VECTOR %ratio, ptr %lp, align BYTES
 %minus = fneg VECTOR %ratio
 %targets = getelementptr i32, ptr %r, i64 1
 %any = icmp ne i32 %right, 0
 br i1 %any, label %entries, label %rowend
entries:
 %j = phi i64 [0, %rows], [%j1, %entries]
 %tp = getelementptr i32, ptr %targets, i64 %j
 %t = load i32, ptr %tp, align 4
 %t64 = zext i32 %t to i64
 %xp = getelementptr VECTOR, ptr %lu, i64 %t64
 %x = load VECTOR, ptr %xp, align BYTES
 %up = getelementptr VECTOR, ptr %u, i64 %j
 %uv = load VECTOR, ptr %up, align BYTES
 %y = call VECTOR @llvm.fma.MANGLED(VECTOR %minus, VECTOR %uv, VECTOR %x)
 store VECTOR %y, ptr %xp, align BYTES
 %j1 = add i64 %j, 1
 %more = icmp ult i64 %j1, %right64
 br i1 %more, label %entries, label %rowend
rowend:
 %rafter = getelementptr i32, ptr %targets, i64 %right64
 %row1 = add i32 %row, 1
 %morerows = icmp ult i32 %row1, %below
 br i1 %morerows, label %rows, label %next
next:
 %after = phi ptr [%first, %pivots], [%rafter, %rowend]
 %unfinished = icmp ult ptr %after, %end
 br i1 %unfinished, label %pivots, label %done
done:
 ret void
}
"""
