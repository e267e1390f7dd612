"""The library's model: machine code equals the plain reference, lanes of any width agree, pools are conserved."""

import ctypes

import numpy as np
import pytest

from hepatica.compiler import Kernel, compile_model
from hepatica.compiler.kernel import TABLEAUX
from hepatica.compiler.reference import Reference
from hepatica.ensemble import draw_prior
from hepatica.library import load_cell_line, load_model, load_wirings
from hepatica.model import moieties
from hepatica.simulation import parameter_matrix
from hepatica.solver import Tolerances, find_steady_states, integrate, plan_after, plan_before
from hepatica.solver.workspace import Workspace

MODEL = load_model("hcc")
DRAWS = 24


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    return compile_model(MODEL, [*compile_model(MODEL, []).states, "division_rate", "sorafenib_free"])


@pytest.fixture(scope="module")
def base(kernel: Kernel) -> np.ndarray:
    values = parameter_matrix(kernel, draw_prior(MODEL, DRAWS, seed=5, wirings=load_wirings("hcc")))
    values[:, kernel.parameter_index("sorafenib_nominal")] = 5000.0
    return values


def test_right_hand_side_and_linear_solve_equal_the_reference(kernel: Kernel, base: np.ndarray) -> None:
    space = Workspace(kernel, TABLEAUX["rodas5p"], 1e-6, 1e-6)
    reference = Reference(MODEL)
    lanes, size = kernel.lanes, len(kernel.states)
    rng = np.random.default_rng(1)
    p = base[:lanes].T
    y = reference.initial(p) * rng.lognormal(0.0, 0.3, (size, lanes)) + rng.uniform(0.0, 0.1, (size, lanes))
    space.parameters[: len(p)], space.state[:, 0], space.diagonal[:] = p, y, 0.7

    def call(name: str, *arrays: int) -> None:
        ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(arrays))(kernel.addresses[name])(*arrays)

    data = space.data.tolist()
    slot = data[0] + 2 * 8 * lanes
    space.state[:, 2] = 0.0
    call("prepare", data[1], data[18])
    call("rhs", data[0], data[1], slot, data[5])
    rate = reference.rhs(y, p)
    scale = np.abs(rate).max(axis=0)
    assert (np.abs(space.state[:, 2] - rate) / scale).max() < 1e-13

    call("factor", data[0], data[1], data[3], data[4], data[5])
    right = rng.normal(size=(size, lanes))
    space.state[:, 2] = right
    call("solve", data[4], slot)
    jacobian = reference.jacobian(y, p)
    for lane in range(lanes):
        matrix = 0.7 * np.eye(size) - jacobian[:, :, lane]
        np.testing.assert_allclose(matrix @ space.state[:, 2, lane], right[:, lane], rtol=1e-8, atol=1e-9)


def test_lanes_of_another_width_give_the_same(kernel: Kernel, base: np.ndarray) -> None:
    tasks = np.array([[0, d, -1] for d in range(DRAWS)])
    times = np.array([0.0, 30.0, 1440.0, 4320.0])
    tight = Tolerances(rtol=1e-8, atol=1e-11)
    plan = plan_after([[]], equilibrated=False)
    wide = integrate(kernel, plan, tasks, base, times, tolerances=tight).values
    other = compile_model(MODEL, kernel.observables, lanes=4 if kernel.lanes == 8 else 2, cached=False)
    narrow = integrate(other, plan, tasks, base, times, tolerances=tight).values
    np.testing.assert_allclose(narrow, wide, rtol=1e-9, atol=1e-12)


def test_conserved_pools_stay_what_they_were(kernel: Kernel, base: np.ndarray) -> None:
    tasks = np.array([[0, d, -1] for d in range(DRAWS)])
    values = integrate(kernel, plan_after([[]], equilibrated=False), tasks, base, np.array([0.0, 60.0, 4320.0])).values
    pools = moieties(MODEL)
    assert len(pools) == 19
    for pool in pools:
        weights = dict(pool.terms)
        total = sum(weights[name] * values[:, :, kernel.observables.index(name)] for name in weights)
        np.testing.assert_allclose(total[:, 1:], np.repeat(total[:, :1], 2, axis=1), rtol=1e-9)


@pytest.mark.parametrize("line", ["HepG2", "SK-Hep1", "Huh7", "Hep3B", "hepatocyte"])
def test_every_line_rests_and_nothing_is_negative(kernel: Kernel, base: np.ndarray, line: str) -> None:
    from hepatica.experiment import Arm, Experiment
    from hepatica.simulation import arm_operations
    from tests.simulation.test_run import Reading

    arm = Arm(id="control")
    experiment = Experiment(id="rest", arms=(arm,), assay=Reading(), cell_line=load_cell_line(line))
    operations = arm_operations(MODEL, kernel, experiment, arm)
    tasks = np.array([[0, d, -1] for d in range(DRAWS)])
    found = find_steady_states(kernel, plan_before([operations]), tasks, base)
    assert (found.status == 0).all()
    assert found.values.min() > -1e-9
