import numpy as np
import pytest

from hepatica.errors import InputError
from hepatica.inference.hamiltonian import Counts, cloud_at
from hepatica.inference.jumps import FAR, TRIES, Modes, jump, kinds_of, no_tally, proposals
from hepatica.inference.likelihood import Likelihood
from hepatica.inference.problem import Estimate
from hepatica.inference.space import Space
from tests.inference.test_chains import START, rivals
from tests.inference.test_sample import narrow

CHOICES = {"w": {0.0: 0.7, 1.0: 0.3}}
STARTS = [START | {"w": 0.0}, {"k": -0.2, "sd": -2.0, "w": 1.0}]


@pytest.fixture(scope="module")
def prepared() -> tuple[Space, Likelihood, Modes]:
    problem = rivals()
    space, likelihood = Space(problem.estimated, CHOICES), Likelihood(problem)
    modes = Modes(space, STARTS)
    modes.prepare(space, likelihood, Counts())
    return space, likelihood, modes


def test_starts_are_where_they_were_said_to_be(prepared) -> None:
    space, _, modes = prepared
    x = space.points(modes.z, modes.picked)[0]
    np.testing.assert_allclose(x, [[s["k"], s["sd"], s["w"]] for s in STARTS], atol=1e-9)
    np.testing.assert_allclose(modes.prior, np.log([0.7, 0.3]))
    with pytest.raises(InputError, match="no finite value of 'sd'"):
        Modes(space, [{"k": 0.0, "w": 0.0}])


@pytest.mark.parametrize("turned", [False, True])
def test_a_map_and_its_way_back_cancel_and_have_the_volume_they_say(prepared, turned: bool) -> None:
    _, _, modes = prepared
    z = modes.z[0] + np.array([[0.3, -0.2], [0.0, 0.0], [-1.0, 0.4]])
    old, new, kind = np.zeros(3, np.int64), np.ones(3, np.int64), np.full(3, turned)
    there, volume = modes.there(z, old, new, kind)
    back, other = modes.there(there, new, old, kind)
    np.testing.assert_allclose(back, z, atol=1e-10)
    np.testing.assert_allclose(volume, -other, atol=1e-12)
    np.testing.assert_allclose(there[1], modes.z[1], atol=1e-12)
    step = 1e-6
    slope = [(modes.there(z[:1] + step * e, old[:1], new[:1], kind[:1])[0] - there[:1])[0] / step for e in np.eye(2)]
    assert np.log(np.linalg.det(np.array(slope))) == pytest.approx(volume[0], abs=1e-5)
    assert (abs(volume[0]) > 1e-3) == turned


def test_transport_takes_one_normal_approximation_to_the_other(prepared) -> None:
    space, likelihood, modes = prepared
    x, slope = space.points(modes.z, modes.picked)
    known = likelihood.curvature(x)[2][:, space.free][:, :, space.free] * slope[:, :, None] * slope[:, None, :]
    before, after = (np.linalg.inv(k + np.eye(2)) for k in known)
    one, other, kind = np.zeros(2, np.int64), np.ones(2, np.int64), np.ones(2, bool)
    matrix = (modes.there(modes.z[0] + np.eye(2), one, other, kind)[0] - modes.z[1]).T
    np.testing.assert_allclose(matrix @ before @ matrix.T, after, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)  # the shortest way


def test_starts_without_information_are_joined_by_shifts(prepared, monkeypatch) -> None:
    space, likelihood, _ = prepared
    real = likelihood.curvature

    def broken(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        value, slope, known = real(x)
        known[1] = np.nan
        return value, slope, known

    monkeypatch.setattr(likelihood, "curvature", broken)
    modes = Modes(space, STARTS)
    modes.prepare(space, likelihood, Counts())
    there, volume = modes.there(modes.z[:1] + 0.1, np.array([0]), np.array([1]), np.array([True]))
    np.testing.assert_allclose(there, modes.z[1:] + 0.1)
    assert volume[0] == 0.0


def test_jumps_of_many_particles_weigh_two_places_of_one_mode(prepared) -> None:
    # one wiring with two starts: whichever start a particle belongs to, the distribution is the same
    problem = narrow()
    space, likelihood = Space(problem.estimated, None), Likelihood(problem)
    modes = Modes(space, [START, {"k": -0.25, "sd": -2.1}])
    modes.prepare(space, likelihood, Counts())
    random, counts = np.random.default_rng(1), Counts()
    z = np.repeat(modes.z[:1], 200, axis=0) + 0.05 * random.normal(size=(200, 2))
    cloud = cloud_at(space, likelihood.gradient, z, np.zeros((200, 0), np.int64), counts)
    mode = np.zeros(200, np.int64)
    chance = proposals(modes, no_tally(modes))
    cloud, mode, share, tally = jump(space, likelihood, modes, chance, cloud, mode, random, counts)
    assert 0.0 < share <= 1.0
    assert tally[0].tolist() == [TRIES * 200, tally[0, 1]]
    assert share * 200 <= tally[0, 1] <= TRIES * 200
    assert not tally[1].any()
    np.testing.assert_allclose(cloud.value, likelihood(space.points(cloud.z, cloud.picked)[0]), rtol=1e-6)
    assert set(mode.tolist()) == {0, 1}


CUBE = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)])


def modes_of(picked: np.ndarray) -> Modes:
    estimates = (
        Estimate(id="k", lower=0.0, upper=1.0),
        *(Estimate(id=f"w{j}", lower=0.0, upper=1.0) for j in range(picked.shape[1])),
    )
    choices = {f"w{j}": {0.0: 0.5, 1.0: 0.5} for j in range(picked.shape[1])}
    return Modes(
        Space(estimates, choices), [{"k": 0.5} | {f"w{j}": float(p) for j, p in enumerate(at)} for at in picked]
    )


def test_kinds_of_jumps() -> None:
    kinds = kinds_of(CUBE)
    assert kinds[0].tolist() == [3, 2, 1, 4, 0, 4, 4, 4]
    np.testing.assert_array_equal(kinds, kinds.T)
    assert kinds_of(np.zeros((2, 0), np.int64)).tolist() == [[0, 0], [0, 0]]


def test_choices_that_seldom_change_are_tried_more_often() -> None:
    modes = modes_of(CUBE)
    even = proposals(modes, no_tally(modes))
    np.testing.assert_allclose(even.sum(axis=1), 1.0)
    assert (np.diag(even) == 0.0).all()
    np.testing.assert_allclose(even[0, [1, 2, 4]], (1.0 - FAR) / 3.0)
    np.testing.assert_allclose(even[0, [3, 5, 6, 7]], FAR / 4.0)
    tally = no_tally(modes)
    tally[:3] = [[1e5, 1e4], [1e5, 1e3], [1e5, 1e4]]
    learnt = proposals(modes, tally)
    np.testing.assert_allclose(learnt.sum(axis=1), 1.0)
    assert learnt[0, 2] == pytest.approx(10.0 * learnt[0, 1], rel=0.05)
    assert learnt[0, 1] == pytest.approx(learnt[0, 4])
    never = no_tally(modes)
    never[1] = [50.0, 0.0]
    assert (proposals(modes, never)[0, [1, 4]] > 0.1).all()  # few tries say little


def test_proposals_where_there_is_no_other_start_or_only_far_ones() -> None:
    one = modes_of(CUBE[:1])
    assert proposals(one, no_tally(one)).tolist() == [[0.0]]
    far = modes_of(CUBE[[0, 7]])
    assert proposals(far, no_tally(far)).tolist() == [[0.0, 1.0], [1.0, 0.0]]
    same = modes_of(np.zeros((3, 0), np.int64))
    np.testing.assert_allclose(proposals(same, no_tally(same)), 0.5 * (1.0 - np.eye(3)))
