"""Machine code for other vector widths and processors: the same bits, or the same numbers, or at least an object."""

from dataclasses import replace

import llvmlite.binding as llvm
import numpy as np
import pytest

from hepatica.compiler import Kernel, compile_model
from hepatica.compiler.compile import write_model
from hepatica.compiler.processor import Processor, assemble, this_processor
from hepatica.compiler.targets.llvm import functions_of
from hepatica.library import load_model
from hepatica.model import Apply, Model, Number, Rule, Symbol
from hepatica.solver import Tolerances, integrate, plan_after

from .networks import predator, rate_of, robertson

WIDTHS = (8, 4, 2, 1)
TIMES = np.geomspace(1e-3, 40.0, 7)
HOST = this_processor()
AVX2 = replace(HOST, cpu="haswell", features="", kind="x86")
ARM = Processor(triple="aarch64-unknown-linux-gnu", cpu="neoverse-n1", features="", kind="aarch64")
x86 = pytest.mark.skipif(HOST.kind not in {"avx512", "x86"}, reason="AVX2 runs on x86 only")


def with_powers() -> Model:
    """Robertson's network with exponentials, powers and logarithms in an observable rule."""
    base = robertson()
    a, b = Symbol("A"), Symbol("B")
    value = Apply("+", (Apply("exp", (Apply("neg", (a,)),)), Apply("pow", (Apply("+", (b, Number(0.1))), Number(0.3)))))
    rule = Rule(
        kind="assignment",
        variable="total",
        expression=Apply("+", (value, Apply("ln", (Apply("+", (a, Number(1.0))),)))),
    )
    return replace(base, rules=(rule,))


def trajectories(kernel: Kernel, draws: int = 21) -> np.ndarray:
    base = np.tile(kernel.p0, (draws, 1))
    base *= np.exp(np.random.default_rng(3).normal(0.0, 0.2, base.shape))
    tasks = np.column_stack([np.zeros(draws, int), np.arange(draws), np.full(draws, -1)]).astype(np.int64)
    tight = Tolerances(rtol=1e-6, atol=1e-10)
    return integrate(kernel, plan_after([[]], equilibrated=False), tasks, base, TIMES, tolerances=tight).values


@pytest.mark.parametrize("observables", [None, ["A", "B", "C"]])
def test_every_width_gives_the_same_bits(observables: list[str] | None) -> None:
    wide, *others = (trajectories(compile_model(with_powers(), observables, lanes=w, cached=False)) for w in WIDTHS)
    assert np.isfinite(wide).all()
    for other in others:
        np.testing.assert_array_equal(other, wide)


def test_the_library_model_gives_the_same_bits_in_one_lane() -> None:
    model = load_model("hcc")
    wide, one = (trajectories(compile_model(model, None, lanes=w), draws=9) for w in (HOST.lanes, 1))
    assert np.isfinite(wide).all()
    np.testing.assert_array_equal(one, wide)


@x86
@pytest.mark.parametrize("lanes", WIDTHS)
def test_avx2_code_agrees(lanes: int) -> None:
    want = trajectories(compile_model(with_powers(), cached=False))
    got = trajectories(compile_model(with_powers(), lanes=lanes, cached=False, processor=AVX2))
    np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-12)


@x86
def test_registers_are_those_of_the_processor() -> None:
    assert "zmm" not in assembly(predator(), AVX2)
    assert "ymm" in assembly(predator(), AVX2)
    assert ("zmm" in assembly(predator(), HOST)) == (HOST.kind == "avx512")
    assert ("vrcp14pd" in assembly(robertson(), HOST)) == (HOST.kind == "avx512")


def test_arm_code_is_complete() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    _, text = write_model(with_powers(), None, ARM.lanes, ARM)
    code = assemble(text, ARM)
    assert code[:4] == b"\x7fELF"
    assert int.from_bytes(code[18:20], "little") == 183  # AArch64
    sections = {s.name(): s.size() for s in llvm.ObjectFileRef.from_data(code).sections()}
    assert sections[b".text"] > 4000
    listing = assembly(with_powers(), ARM)
    for name in functions_of(text):
        assert f"\n{name}:" in listing
    assert "fmla\tv" in listing  # fused multiply-adds on vectors
    assert "mrs\tx8, FPCR" in listing
    assert listing.count("msr\tFPCR") == 2  # denormals flushed, and what was before put back
    assert "#0x1000000" in listing


def assembly(model: Model, processor: Processor) -> str:
    """Give the code as text."""
    _, text = write_model(model, None, processor.lanes, processor)
    module = llvm.parse_assembly(text)
    module.triple = processor.triple
    module.verify()
    return str(processor.machine().emit_assembly(module))


def values(expression: Apply, a: np.ndarray, b: np.ndarray | float = 0.0, **options: object) -> np.ndarray:
    """Evaluate an expression of a and b in machine code; where the model says infinity, a draw may be infinite too."""
    model = replace(rate_of(Number(1.0), a=np.inf, b=np.inf), rules=(
        Rule(kind="rate", variable="x", expression=Number(1.0)), Rule(kind="assignment", variable="f", expression=expression),
    ))  # fmt: skip
    kernel = compile_model(model, ["f"], cached=False, **options)  # type: ignore[arg-type]
    base = np.tile(kernel.p0, (len(a), 1))
    base[:, kernel.parameter_index("a")], base[:, kernel.parameter_index("b")] = a, b
    tasks = np.column_stack([np.zeros(len(a), int), np.arange(len(a)), np.full(len(a), -1)]).astype(np.int64)
    return integrate(kernel, plan_after([[]], equilibrated=False), tasks, base, np.zeros(1)).values[:, 0, 0]


SYMBOLS = (Symbol("a"), Symbol("b"))
TARGETS = [
    pytest.param({}, id="this"),
    pytest.param({"lanes": 1}, id="one-lane"),
    pytest.param({"processor": AVX2}, id="avx2", marks=x86),
]


@pytest.mark.parametrize("options", TARGETS)
def test_reciprocal_within_one_unit_in_the_last_place(options: dict[str, object]) -> None:
    rng = np.random.default_rng(1)
    a = rng.uniform(1.0, 2.0, 20_000) * 2.0 ** rng.integers(-1020, 1020, 20_000) * rng.choice([-1.0, 1.0], 20_000)
    got = values(Apply("/", (Number(1.0), SYMBOLS[0])), a, **options)
    want = 1.0 / a
    assert (np.abs(got - want) <= np.spacing(np.abs(want))).all()


@pytest.mark.parametrize("options", TARGETS)
def test_reciprocal_of_zero_and_infinity(options: dict[str, object]) -> None:
    a = np.array([0.0, -0.0, np.inf, -np.inf])
    got = values(Apply("/", (Number(1.0), SYMBOLS[0])), a, **options)
    np.testing.assert_array_equal(got, [np.inf, -np.inf, 0.0, -0.0])
    np.testing.assert_array_equal(np.signbit(got), [False, True, False, True])


@pytest.mark.parametrize("options", TARGETS)
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("exp", -708.0, 709.7), ("exp", -1e-3, 1e-3), ("ln", 1e-307, 1e308), ("ln", 0.9, 1.1), ("ln", 0.70, 0.72)],
)
def test_exp_and_ln_within_two_units_in_the_last_place(
    name: str, low: float, high: float, options: dict[str, object]
) -> None:
    a = np.geomspace(low, high, 20_001) if low > 0 and high / low > 10 else np.linspace(low, high, 20_001)
    got = values(Apply(name, SYMBOLS[:1]), a, **options)  # type: ignore[arg-type]
    want = (np.exp if name == "exp" else np.log)(a)
    assert (np.abs(got - want) <= 2 * np.spacing(np.abs(want))).all()


@pytest.mark.parametrize("options", TARGETS)
def test_pow_loses_as_many_digits_as_its_exponent_has(options: dict[str, object]) -> None:
    rng = np.random.default_rng(2)
    a = np.exp(rng.uniform(-60.0, 60.0, 20_000))
    b = rng.uniform(-10.0, 10.0, 20_000)
    got = values(Apply("pow", SYMBOLS), a, b, **options)
    want = a**b
    inside = (np.abs(want) < 1e307) & (np.abs(want) > 1e-307)
    bound = (3.0 + np.abs(b * np.log(a))) * 2.2e-16
    assert (np.abs(got / want - 1.0)[inside] <= bound[inside]).all()
    assert inside.sum() > 15_000


def test_denormals_are_flushed_in_the_loop_and_not_after_it() -> None:
    tiny = 1e-310
    assert values(Apply("*", SYMBOLS), np.full(3, tiny), 1.0).tolist() == [0.0, 0.0, 0.0]
    assert tiny * np.ones(1)[0] == tiny
