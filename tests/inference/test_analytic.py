"""Scalings, offsets and noise in closed form equal those of the joint optimum."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from hepatica.errors import FormatError, InputError, UnsupportedError
from hepatica.inference import Likelihood, Problem, read_petab
from hepatica.inference.analytic import AnalyticLikelihood
from hepatica.inference.optimize import fit
from hepatica.inference.problem import Prior

from .cases import TIGHT, problem
from .conftest import TABLES, Writer

ROLES = {"s": "scaling", "b": "offset", "sd": "sigma", "s2": "scaling"}
INNER = {"s": (1.0, "log10"), "b": (0.5, "lin"), "sd": (0.1, "log")}
READ = [(0, o, t) for o in (0, 1) for t in (0.0, 0.3, 1.0, 2.0, 4.0)]
VALUES = np.array([5.1, 4.4, 3.6, 3.2, 2.9, 1.2, 1.6, 2.2, 2.1, 2.0])


def marked(
    formulas: Sequence[tuple[str, str]] = (("s*A + b", "sd"), ("B", "0.3")),
    more: Sequence[str] = ("s", "b", "sd"),
    **options: str,
) -> Problem:
    estimates = {"k1": (0.8, "log10"), "k2": (0.6, "log")} | {n: INNER.get(n, (1.0, "log10")) for n in more}
    made = problem(estimates=estimates, formulas=formulas, read=READ, **options)
    bounds = {"b": (-50.0, 50.0)}
    return replace(made, values=VALUES, parameters=tuple(
        replace(p, role=ROLES.get(p.id), lower=bounds.get(p.id, (1e-4, 1e4))[0], upper=bounds.get(p.id, (1e-4, 1e4))[1])
        for p in made.parameters
    ))  # type: ignore[arg-type]  # fmt: skip


CASES = [
    marked(), marked((("s*A", "0.2 + 0.1*A"), ("B", "0.3")), ("s",)), marked((("A + b", "sd"), ("s*B", "0.3")), ("s", "b", "sd")),
    marked((("s*A", "sd"), ("s2*B", "sd")), ("s", "s2", "sd")), marked((("s*A", "sd"), ("B", "0.3")), ("s", "sd"), scale="log10"),
    marked((("s*A + b", "sd"), ("s*B", "sd")), ("s", "b", "sd")),
]  # fmt: skip


@pytest.mark.parametrize("made", CASES)
def test_nothing_is_better_than_what_is_computed(made: Problem) -> None:
    likelihood = AnalyticLikelihood(made, tolerances=TIGHT)
    x = np.array([[-0.2, -0.6]])
    value, gradient, known = likelihood.curvature(x)
    whole, _ = likelihood.completed(x)
    joint, slope, information = Likelihood(made, tolerances=TIGHT).curvature(whole)
    assert value[0] == joint[0]
    assert np.abs(slope[0, 2:]).max() < 1e-5  # the computed ones are at their optimum
    random = np.random.default_rng(1)
    for size in (1e-3, 1e-2, 0.1):
        near = whole + np.pad(size * random.normal(size=(20, whole.shape[1] - 2)), ((0, 0), (2, 0)))
        assert (Likelihood(made, tolerances=TIGHT)(near) < value[0]).all()
    h = 1e-4 * np.eye(2)
    up, down, far, back = (likelihood(x + k * h) for k in (1, -1, 2, -2))
    np.testing.assert_allclose(gradient[0], (8.0 * (up - down) - (far - back)) / 12e-4, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(likelihood.gradient(x)[1], gradient, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.linalg.inv(known[0]), np.linalg.inv(information[0])[:2, :2], rtol=1e-8)


def test_a_fit_of_the_rest_finds_the_joint_optimum() -> None:
    made = marked()
    made = replace(
        made, parameters=tuple(replace(p, lower=1e-3, upper=1e2) if p.role is None else p for p in made.parameters)
    )
    joint, rest = fit(made, starts=12), fit(made, starts=6, analytic=True)
    assert rest["objective"].values[0] == pytest.approx(joint["objective"].values[0], abs=1e-4)
    assert list(rest["parameter"].values) == ["k1", "k2"]
    scale, offset, sd = rest["inner"].values[0]
    x = joint["x"].values[0, 2:]
    np.testing.assert_allclose([scale, offset, sd], [10 ** x[0], x[1], np.exp(x[2])], rtol=0.02)


def test_bounds_hold() -> None:
    made = marked()
    tight = {"s": (1.0, 1.1), "sd": (0.4, 0.5)}
    made = replace(made, parameters=tuple(
        replace(p, lower=tight[p.id][0], upper=tight[p.id][1]) if p.id in tight else p for p in made.parameters
    ))  # fmt: skip
    likelihood = AnalyticLikelihood(made, tolerances=TIGHT)
    x = np.array([[-0.2, -0.6]])
    s, b, sd = likelihood.inner(x)[0]
    assert likelihood.inner_names == ("s", "b", "sd")
    assert 1.0 <= s <= 1.1
    assert 0.4 <= sd <= 0.5
    whole, _ = likelihood.completed(x)
    moved = whole + np.outer([1e-3, -1e-3], np.eye(5)[3])
    assert (likelihood.whole(moved) < likelihood(x)).all()
    assert np.isfinite(likelihood.curvature(x)[2]).all()
    assert b == whole[0, 3]


def test_points_that_fail_are_nan() -> None:
    made = marked((("s*log(A - k1)", "sd"), ("B", "0.3")), ("s", "sd"))
    likelihood = AnalyticLikelihood(made)
    points = np.array([[-2.0, 0.0], [1.5, 0.0]])
    value, gradient, known = likelihood.curvature(points)
    assert np.isfinite(value).tolist() == [True, False]
    assert np.isnan(gradient[1]).all()
    assert np.isnan(known[1]).all()
    assert np.isnan(likelihood.inner(points)[1]).all()
    assert likelihood(points)[0] == value[0]


@pytest.mark.parametrize(
    ("formulas", "more", "message"),
    [
        ((("s*A + s", "sd"), ("B", "1")), ("s", "sd"), "observable 'o0' has no closed form for s"),
        ((("A", "sd*A"), ("B", "1")), ("sd",), "no closed form for sd"),
        ((("s*A", "sd"), ("s*B", "1")), ("s", "sd"), "the parameters s, sd have no closed form together"),
        ((("s*A", "1 + s"), ("B", "1")), ("s",), "no closed form for s"),
    ],
)
def test_what_has_no_closed_form(formulas: Sequence[tuple[str, str]], more: Sequence[str], message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        AnalyticLikelihood(marked(formulas, more))


def test_what_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="that needs normal noise"):
        AnalyticLikelihood(marked(distribution="laplace"))
    with pytest.raises(UnsupportedError, match="no censored measurement"):
        AnalyticLikelihood(replace(marked(), censored=np.array([1] + [0] * 9, np.int8)))
    with pytest.raises(InputError, match="no parameter with a role"):
        AnalyticLikelihood(marked((("A", "1"), ("B", "1")), ()))
    made = marked()
    prior = Prior(distribution="normal", arguments=(1.0, 1.0))
    with pytest.raises(InputError, match="'s' is a scaling with a prior"):
        AnalyticLikelihood(
            replace(made, parameters=tuple(replace(p, prior=prior) if p.id == "s" else p for p in made.parameters))
        )


def test_roles_are_read_from_version_1(written: Writer) -> None:
    head, *rows = TABLES["parameters"].strip().split("\n")
    cells = ["", "", "sigma"]
    text = "\n".join([f"{head} parameterType", *(f"{r} {c}" for r, c in zip(rows, cells, strict=True))]) + "\n"
    assert [p.role for p in read_petab(written(parameters=text)).estimated] == [None, None, "sigma"]
    with pytest.raises(FormatError, match="the parameterType 'shape' is none of scaling, offset, sigma"):
        read_petab(written(parameters=text.replace("sigma", "shape")))
