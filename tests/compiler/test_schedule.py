import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hepatica.compiler.lower import Program
from hepatica.compiler.schedule import FAR, schedule
from hepatica.compiler.targets.numpy import interpret

LANES = 3
SIZE = 6


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Rates of y go to scratch, sums of scratch go to b: as lowering writes them."""
    program = Program("f", ("y", "b", "w"))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    values = [program.emit("load", "y", i) for i in range(SIZE)]
    count = draw(st.integers(1, 60))
    for k in range(count):
        for _ in range(rng.integers(1, 6)):
            name = str(rng.choice(["+", "-", "*", "neg"]))
            picks = [values[-1], values[int(rng.integers(len(values)))]]
            values.append(program.emit(name, *(picks[:1] if name == "neg" else rng.permutation(picks).tolist())))
            if rng.random() < 0.1:
                values.append(program.emit("*", values[-1], program.emit("const", 0.5)))
        values.append(
            program.emit(
                "+", program.emit("*", values[-1], program.emit("const", 1e-3)), program.emit("load", "y", k % SIZE)
            )
        )
        program.emit("store", "w", k, values[-1])
    for i in range(SIZE):
        total = program.emit("load", "b", i)
        for k in rng.integers(0, count, int(rng.integers(1, 9))).tolist():
            total = program.emit(str(rng.choice(["+", "-"])), total, program.emit("load", "w", k))
        program.emit("store", "b", i, total)
    return program


def run(program: Program, scratch: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    arrays = {"y": rng.uniform(-1.0, 1.0, (SIZE, LANES)), "b": rng.uniform(-1.0, 1.0, (SIZE, LANES))}
    interpret(program, {**arrays, "w": np.full((max(1, scratch), LANES), np.nan)})
    return arrays["b"]


@settings(deadline=None, max_examples=60)
@given(programs(), st.booleans())
def test_a_scheduled_program_computes_the_same(program: Program, free: bool) -> None:
    got, scratch = schedule(program, free=free)
    want = run(program, 100)
    np.testing.assert_allclose(run(got, scratch), want, rtol=1e-9, atol=1e-9 * np.nanmax(np.abs(want)))


@settings(deadline=None, max_examples=30)
@given(programs())
def test_no_value_waits_outside_memory(program: Program) -> None:
    got, _ = schedule(program, free=True)
    made: dict[int, int] = {}
    for k, operation in enumerate(got.code):
        arguments = (
            [operation[3]]
            if operation[0] == "store"
            else operation[1:]
            if operation[0] not in {"load", "const"}
            else []
        )
        for a in arguments:
            # a fetch, a spill and the leaves of one operation come between
            assert k - max(a, made.get(a, a)) <= 3 * FAR
            made[a] = k


def test_products_are_fused_where_they_have_no_other_use() -> None:
    program = Program("f", ("y", "b"))
    x, y, z = (program.emit("load", "y", i) for i in range(3))
    program.emit("store", "b", 0, program.emit("+", program.emit("*", x, y), z))
    program.emit("store", "b", 1, program.emit("-", program.emit("*", x, z), y))
    program.emit("store", "b", 2, program.emit("-", x, program.emit("*", y, z)))
    shared = program.emit("*", program.emit("load", "y", 3), x)
    program.emit("store", "b", 3, program.emit("+", shared, y))
    program.emit("store", "b", 4, shared)
    program.emit("store", "b", 5, program.emit("+", program.emit("neg", x), y))
    got, scratch = schedule(program)
    assert [op[0] for op in got.code if op[0] not in {"load", "store"}] == ["fma", "fms", "fnma", "*", "+", "-"]
    assert scratch == 0


def test_what_nobody_stores_is_not_computed() -> None:
    program = Program("f", ("y", "b", "w"))
    program.emit("store", "w", 0, program.emit("neg", program.emit("load", "y", 0)))
    program.emit("store", "b", 0, program.emit("load", "y", 1))
    got, scratch = schedule(program)
    assert [op[0] for op in got.code] == ["load", "store"]
    assert scratch == 0
