import ctypes
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hepatica.compiler import cache, compile_model
from hepatica.compiler.compile import programs_of
from hepatica.compiler.jacobian import build_jacobian, plan_elimination, straight_until
from hepatica.compiler.kernel import CLOCK, TABLEAUX
from hepatica.compiler.lower import lower_factor
from hepatica.compiler.reference import Reference
from hepatica.compiler.system import build_system
from hepatica.compiler.targets.numpy import interpret
from hepatica.errors import ModelError, NotFoundError
from hepatica.model import (
    TIME,
    Apply,
    Compartment,
    InitialAssignment,
    Model,
    Number,
    Parameter,
    Reaction,
    Rule,
    Species,
    Symbol,
)
from hepatica.solver import Tolerances, calls, integrate, plan_after
from hepatica.solver.workspace import Workspace

from .networks import growth, oscillator, rate_of, robertson, times, turnover


def run(model: Model, at: list[float], **options: float) -> np.ndarray:
    kernel = compile_model(model, cached=False)
    tolerances = Tolerances(rtol=1e-9, atol=1e-12)
    base = kernel.p0[None, :].copy()
    for name, value in options.items():
        base[0, kernel.parameter_index(name)] = value
    task = np.array([[0, 0, -1]])
    return integrate(
        kernel, plan_after([[]], equilibrated=False), task, base, np.array(at), tolerances=tolerances
    ).values[0]


def test_states_parameters_and_observables_are_named() -> None:
    kernel = compile_model(robertson(), cached=False)
    assert kernel.states == ("A", "B", "C")
    assert kernel.parameters == ("c", "k1", "k2", "k3", "A", "B", "C")
    assert kernel.observables == ("A", "B", "C", "total")
    assert kernel.p0.tolist() == [2.0, 0.04, 3e7, 1e4, 1.0, 0.0, 0.0]


def test_initial_values_of_states_are_parameters_behind_the_parameters_proper() -> None:
    assert run(turnover(), [0.0, 10.0], X=7.0)[:, 0] == pytest.approx([7.0, 20.0 - 13.0 / np.e])
    start = InitialAssignment(symbol="X", expression=times(2.0, "make"))
    kernel = compile_model(replace(turnover(), initial_assignments=(start,)), cached=False)
    assert kernel.parameters == ("cell", "make", "decay")


def test_closed_forms() -> None:
    at = [0.0, 1.0, 7.5, 40.0]
    x = run(turnover(), at)[:, 0]
    np.testing.assert_allclose(x, 20.0 * (1.0 - np.exp(-0.1 * np.array(at))), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(run(growth(), [100.0])[0, 0], np.e, rtol=1e-7)
    np.testing.assert_allclose(run(oscillator(), at)[:, 0], np.cos(at), atol=1e-6)


def test_time_is_a_clock_state() -> None:
    model = rate_of(Apply("*", (Number(2.0), TIME)))
    assert compile_model(model, cached=False).states == ("x", CLOCK)
    np.testing.assert_allclose(run(model, [1.0, 3.0])[:, 0], [1.0, 9.0], rtol=1e-7)


def test_piecewise_and_logic() -> None:
    late = Apply("and", (Apply("ge", (TIME, Number(1.0))), Apply("not", (Apply("gt", (TIME, Number(2.0))),))))
    model = rate_of(Apply("piecewise", (Symbol("high"), late, Number(0.0))), high=3.0)
    np.testing.assert_allclose(run(model, [0.5, 4.0])[:, 0], [0.0, 3.0], atol=2e-3)


def test_initial_assignments_follow_parameters() -> None:
    base = turnover()
    twice = times(2.0, "make")
    extra = Parameter(id="start", value=float("nan"))
    model = replace(
        base,
        parameters=(*base.parameters, extra),
        initial_assignments=(
            InitialAssignment(symbol="start", expression=twice),
            InitialAssignment(symbol="X", expression=Symbol("start")),
        ),
    )
    assert run(model, [0.0])[0, 0] == 4.0
    assert run(model, [0.0], make=5.0)[0, 0] == 10.0


def test_amounts_in_a_compartment_that_an_initial_assignment_sizes() -> None:
    model = Model(
        id="sized",
        compartments=(Compartment(id="c", size=5.0),),
        species=(
            Species(id="A", compartment="c", initial=8.0, amount=True),
            Species(id="B", compartment="c", initial=3.0, amount=True, boundary=True),
        ),
        parameters=(Parameter(id="k", value=2.0),),
        reactions=(Reaction(id="decay", reactants=(("A", 1),), products=(), rate=times("c", "A", 0.0, "B")),),
        initial_assignments=(InitialAssignment(symbol="c", expression=times("k", 2.0)),),
    )
    kernel = compile_model(model, ["A", "B"], cached=False)
    task, base = np.array([[0, 0, -1]]), kernel.p0[None, :]
    values = integrate(kernel, plan_after([[]], equilibrated=False), task, base, np.array([0.0])).values[0, 0]
    np.testing.assert_allclose(values, [2.0, 0.75])


def test_the_clock_reads_time_itself() -> None:
    late = Apply("piecewise", (Number(1.0), Apply("lt", (TIME, Number(0.3))), Number(2.0)))
    model = Model(
        id="late",
        parameters=tuple(Parameter(id=name, value=0.0, constant=False) for name in ("x", "f", "now")),
        rules=(
            Rule(kind="rate", variable="x", expression=Symbol("f")),
            Rule(kind="assignment", variable="f", expression=late),
            Rule(kind="assignment", variable="now", expression=TIME),
        ),
    )
    kernel = compile_model(model, ["f", "now"], cached=False)
    at = np.array([0.1, 0.1 + 0.1 + 0.1, 0.3, 0.7])
    task, base = np.array([[0, 0, -1]]), kernel.p0[None, :]
    values = integrate(kernel, plan_after([[]], equilibrated=False), task, base, np.sort(at)).values[0]
    assert values[:, 1].tolist() == sorted(at.tolist())
    assert values[:, 0].tolist() == [1.0, 2.0, 2.0, 2.0]


def test_constants_can_be_read_where_nothing_moves() -> None:
    twice = Rule(kind="assignment", variable="twice", expression=times(2.0, "make"))
    free = Parameter(id="twice", value=float("nan"), constant=False)
    model = replace(turnover(), reactions=(), parameters=(*turnover().parameters, free), rules=(twice,))
    kernel = compile_model(model, ["make", "X", "twice"], cached=False)
    assert kernel.states == (CLOCK,)
    task, at = np.array([[0, 0, -1]]), np.array([0.0, 3.0])
    run = integrate(kernel, plan_after([[]], equilibrated=False), task, kernel.p0[None, :], at)
    assert run.values[0].tolist() == [[2.0, 0.0, 4.0]] * 2


def test_two_compartments_keep_amounts() -> None:
    model = Model(
        id="two",
        compartments=(Compartment(id="a", size=1.0), Compartment(id="b", size=4.0)),
        species=(
            Species(id="A", compartment="a", initial=8.0),
            Species(id="B", compartment="b", initial=2.0, amount=True),
        ),
        parameters=(Parameter(id="k", value=1.0),),
        reactions=(Reaction(id="move", reactants=(("A", 1),), products=(("B", 1),), rate=times("k", "A", "a")),),
    )
    end = run(model, [0.0, 100.0])
    np.testing.assert_allclose(end[0], [8.0, 0.5])
    np.testing.assert_allclose(end[1], [0.0, 2.5], atol=1e-9)


@pytest.mark.parametrize(
    "name",
    ["exp", "ln", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "abs", "floor", "ceil"],
)
def test_llvm_equals_numpy_for_every_function(name: str) -> None:
    _compare_targets(Apply(name, (Symbol("a"),)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["pow", "min", "max", "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "/"])
def test_llvm_equals_numpy_for_every_operator(name: str) -> None:
    _compare_targets(Apply(name, (Symbol("a"), Symbol("b"))))  # type: ignore[arg-type]


def _compare_targets(expression: Apply) -> None:
    model = replace(rate_of(Number(1.0), a=1.0, b=2.0), rules=(
        Rule(kind="rate", variable="x", expression=Number(1.0)), Rule(kind="assignment", variable="f", expression=expression),
    ))  # fmt: skip
    kernel = compile_model(model, ["f"], cached=False)
    rng = np.random.default_rng(7)
    base = np.tile(kernel.p0, (64, 1))
    a, b = kernel.parameter_index("a"), kernel.parameter_index("b")
    base[:, a], base[:, b] = rng.uniform(0.01, 0.99, 64), rng.uniform(0.1, 3.0, 64)
    base[:4, a] = base[:4, b] = [0.0, 0.5, 1.0, 0.25]
    tasks = np.array([[0, d, -1] for d in range(64)])
    got = integrate(kernel, plan_after([[]], equilibrated=False), tasks, base, np.array([0.0])).values[:, 0, 0]
    want = Reference(model, ["f"]).observe(np.zeros((1, 64)), base.T)[0]
    np.testing.assert_allclose(got, want, rtol=4e-15, atol=1e-300)


@pytest.mark.parametrize(
    ("name", "low", "high"), [("exp", -700.0, 700.0), ("ln", 1e-300, 1e300), ("exp", -1.0, 1.0), ("ln", 0.5, 2.0)]
)
def test_vector_exp_and_ln_within_two_units_in_the_last_place(name: str, low: float, high: float) -> None:
    model = replace(rate_of(Number(1.0), a=1.0), rules=(
        Rule(kind="rate", variable="x", expression=Number(1.0)),
        Rule(kind="assignment", variable="f", expression=Apply(name, (Symbol("a"),))),  # type: ignore[arg-type]
    ))  # fmt: skip
    kernel = compile_model(model, ["f"], cached=False)
    points = np.geomspace(low, high, 4000) if low > 1e-310 and high / low > 1e3 else np.linspace(low, high, 4000)
    base = np.tile(kernel.p0, (len(points), 1))
    base[:, kernel.parameter_index("a")] = points
    tasks = np.column_stack([np.zeros(len(points), int), np.arange(len(points)), -np.ones(len(points), int)]).astype(
        np.int64
    )
    got = integrate(kernel, plan_after([[]], equilibrated=False), tasks, base, np.array([0.0])).values[:, 0, 0]
    want = np.exp(points) if name == "exp" else np.log(points)
    assert (np.abs(got - want) <= 2 * np.spacing(np.abs(want))).all()


def test_vector_power_has_the_signs_of_c() -> None:
    model = replace(rate_of(Number(1.0), a=1.0, b=1.0), rules=(
        Rule(kind="rate", variable="x", expression=Number(1.0)),
        Rule(kind="assignment", variable="f", expression=Apply("pow", (Symbol("a"), Symbol("b")))),
    ))  # fmt: skip
    kernel = compile_model(model, ["f"], cached=False)
    cases = [(-2.0, 3.0), (-2.0, 2.0), (-2.0, 0.5), (0.0, 2.0), (0.0, 0.0), (5.0, 0.0), (2.0, -1.5)]
    base = np.tile(kernel.p0, (len(cases), 1))
    base[:, kernel.parameter_index("a")], base[:, kernel.parameter_index("b")] = np.array(cases).T
    tasks = np.array([[0, d, -1] for d in range(len(cases))])
    got = integrate(kernel, plan_after([[]], equilibrated=False), tasks, base, np.array([0.0])).values[:, 0, 0]
    np.testing.assert_allclose(got, [-8.0, 4.0, np.nan, 0.0, 1.0, 1.0, 2.0**-1.5], rtol=1e-14)


def test_factor_and_solve_invert_the_shifted_jacobian() -> None:
    model = robertson()
    system = build_system(model)
    programs, sizes = programs_of(system)
    by_name = {program.name: program for program in programs}
    rng = np.random.default_rng(3)
    y, shift, b = rng.uniform(0.1, 1.0, (3, 5)), rng.uniform(1.0, 9.0, (1, 5)), rng.normal(size=(3, 5))
    p = np.repeat(np.array(system.p0)[:, None], 5, axis=1)
    arrays = {
        "y": y,
        "p": np.vstack([p, np.zeros((sizes["prepared"], 5))]),
        "ihg": shift,
        "lu": np.zeros((sizes["lu"], 5)),
        "w": np.zeros((sizes["w"], 5)),
        "b": b.copy(),
    }
    interpret(by_name["prepare"], {"p": p, "o": arrays["p"][len(p) :]})
    interpret(by_name["factor"], arrays)
    interpret(by_name["solve"], arrays)
    jacobian = Reference(model).jacobian(y, p)
    for lane in range(5):
        matrix = np.eye(3) * shift[0, lane] - jacobian[:, :, lane]
        np.testing.assert_allclose(matrix @ arrays["b"][:, lane], b[:, lane], rtol=1e-9)


def test_reference_jacobian_equals_differences() -> None:
    reference = Reference(robertson())
    y, p = np.array([[0.7], [0.2], [0.1]]), np.array(reference.system.p0)[:, None]
    h = 1e-3  # central differences are exact on a quadratic right-hand side
    columns = [(reference.rhs(y + h * e, p) - reference.rhs(y - h * e, p)) / (2 * h) for e in np.eye(3)[:, :, None]]
    np.testing.assert_allclose(reference.jacobian(y, p)[:, :, 0], np.hstack(columns), rtol=1e-7, atol=1e-6)


def test_elimination_orders_an_arrow_matrix_without_fill() -> None:
    size = 12
    arrow = [(0, j) for j in range(size)] + [(j, 0) for j in range(size)]
    plan = plan_elimination(size, arrow)
    assert len(plan.slot) == size + 2 * (size - 1)
    assert 0 in plan.order[-2:]


def test_jacobian_lists_only_what_is_not_zero() -> None:
    system = build_system(turnover())
    assert build_jacobian(system).entries == {(0, 0): ((0, -1.0),)}


def test_errors_name_the_place_and_what_is_near() -> None:
    base = turnover()
    with pytest.raises(NotFoundError, match="no observable 'Y'"):
        build_system(base, ["Y"])
    wrong = replace(
        base, reactions=(replace(base.reactions[1], rate=times("cell", "decai", "X")),), origin={"decai": "a.ant:3"}
    )
    with pytest.raises(ModelError, match=r"a.ant:3: model 'turnover' has no 'decai'. Did you mean 'decay'"):
        build_system(wrong)
    loop = replace(base, rules=(
        Rule(kind="assignment", variable="u", expression=Symbol("v")), Rule(kind="assignment", variable="v", expression=Symbol("u")),
    ))  # fmt: skip
    with pytest.raises(ModelError, match="run in a circle: u -> v -> u"):
        build_system(loop)
    for clock in ("time", CLOCK):
        with pytest.raises(NotFoundError, match="no observable"):
            build_system(rate_of(TIME), [clock])
    kernel = compile_model(base, cached=False)
    with pytest.raises(NotFoundError, match=r"no parameter 'mak'\. Did you mean 'make'"):
        kernel.parameter_index("mak")
    with pytest.raises(NotFoundError, match="no state 'Z'"):
        kernel.state_index("Z")


def test_object_code_is_reused_and_damage_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEPATICA_CACHE", str(tmp_path / "cache"))
    first = compile_model(robertson())
    (file,) = (tmp_path / "cache").iterdir()
    assert cache.load(first.digest) is not None
    assert compile_model(robertson()).digest == first.digest
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert cache.load(first.digest) is None
    file.write_bytes(b"something else")
    assert cache.load(first.digest) is None
    assert compile_model(robertson()).states == first.states
    assert cache.load(first.digest) is not None


def test_a_cache_that_cannot_be_written_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("HEPATICA_CACHE", str(blocked / "cache"))
    assert compile_model(turnover()).states == ("X",)


def test_default_cache_folder_follows_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEPATICA_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", f"{os.sep}x")
    assert cache.cache_folder() == Path(f"{os.sep}x") / "hepatica"


def test_digest_depends_on_numbers_not_on_names() -> None:
    base = turnover()
    faster = replace(base, parameters=(replace(base.parameters[0], value=3.0), base.parameters[1]))
    named = replace(base, parameters=(replace(base.parameters[0], name="synthesis"), base.parameters[1]))
    assert base.digest != faster.digest
    assert base.digest == named.digest


def test_no_observables_and_all_of_them_are_two_kernels() -> None:
    assert compile_model(turnover(), ()).observables == ()
    assert compile_model(turnover()).observables == ("X",)


def full(size: int) -> Model:
    """Every species turns into every other one, at its own rate."""
    names = [f"s{i}" for i in range(size)]
    rng = np.random.default_rng(size)
    return Model(
        id="full",
        compartments=(Compartment(id="c", size=1.0),),
        species=tuple(Species(id=n, compartment="c", initial=float(rng.uniform(0.5, 2.0))) for n in names),
        parameters=(Parameter(id="k", value=0.1),),
        reactions=tuple(
            Reaction(
                id=f"{a}_{b}",
                reactants=((a, 1),),
                products=((b, 1),),
                rate=times("c", "k", float(rng.uniform(0.5, 2.0)), a, b),
            )
            for a in names
            for b in names
            if a != b
        ),
    )


def test_a_long_elimination_ends_in_a_loop_with_the_same_bits() -> None:
    system = build_system(full(14))
    jacobian = build_jacobian(system)
    plan = plan_elimination(14, jacobian.entries)
    first = straight_until(plan)
    assert first is not None
    assert 0 < first < 10
    rng = np.random.default_rng(4)
    y, shift = rng.uniform(0.1, 1.0, (14, 5)), rng.uniform(1.0, 9.0, (1, 5))
    p = np.repeat(np.array(system.p0)[:, None], 5, axis=1)
    factors = []
    for straight in (None, first, 0):
        lu = np.zeros((len(plan.slot), 5))
        program = lower_factor(system, jacobian, plan, straight)
        interpret(program, {"y": y, "p": p, "ihg": shift, "lu": lu, "w": np.zeros((len(jacobian.partials), 5))})
        factors.append(lu)
    np.testing.assert_allclose(factors[1], factors[0], rtol=1e-13)
    np.testing.assert_allclose(factors[2], factors[0], rtol=1e-13)


def test_machine_code_with_a_loop_solves_the_shifted_system() -> None:
    model = full(14)
    kernel = compile_model(model, cached=False)
    space, tableau = Workspace(kernel, TABLEAUX["rodas5p"], 1e-6, 1e-6), TABLEAUX["rodas5p"]
    rng = np.random.default_rng(4)
    y, right = rng.uniform(0.1, 1.0, (14, kernel.lanes)), rng.normal(size=(14, kernel.lanes))
    space.parameters[: len(kernel.p0)], space.state[:, 0], space.state[:, 2] = kernel.p0[:, None], y, right
    space.diagonal[:] = 3.0 / tableau.gamma
    for which, arguments in (
        (calls.PREPARE, (calls.P, calls.PREPARED)),
        (calls.FACTOR, (calls.S, calls.P, calls.IHG, calls.LU, calls.W)),
        (calls.SOLVE, (calls.LU, calls.STAGE)),
    ):
        function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(arguments))(int(space.code[which]))
        function(*(int(space.data[a]) for a in arguments))
    jacobian = Reference(model).jacobian(y, np.repeat(kernel.p0[:, None], kernel.lanes, axis=1))
    for lane in range(kernel.lanes):
        matrix = np.eye(14) * 3.0 / tableau.gamma - jacobian[:, :, lane]
        np.testing.assert_allclose(matrix @ space.state[:, 2, lane], right[:, lane], rtol=1e-8, atol=1e-10)
