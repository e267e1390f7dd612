from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from tests.inference.problems import TIMES, decay, decaying

from hepatica.inference import Estimate, Likelihood, Observable, Problem, Trial
from hepatica.model import Number, Symbol
from hepatica.report.fit_pictures import plot_panels
from hepatica.report.panels import make_panels, residual_rows


def doses(values: tuple[float, ...] = (0.0, 0.1, 1.0, 10.0), *, more: bool = False) -> Problem:
    """A at time 1, for several rates: the dose."""
    trials = [Trial(id=f"k{v:g}", after={"k": Number(v)} | ({"z": Number(v)} if more else {})) for v in values]
    extra = (Estimate(id="z", nominal=1.0, estimated=False),) if more else ()
    observable = Observable(id="a", formula=Symbol("A"), noise=Symbol("sd"))
    return Problem(
        id="doses", model=decay(), parameters=(Estimate(id="sd", scale="log10", lower=1e-3, upper=10.0, nominal=0.1), *extra),
        trials=tuple(trials), observables=(observable,), trial=np.arange(len(values)), observable=np.zeros(len(values), np.int64),
        times=np.ones(len(values)), values=2.0 * np.exp(-np.array(values)),
    )  # fmt: skip


def test_a_course_has_a_curve_through_time() -> None:
    problem = decaying((0.5, 0.2))
    made = make_panels(problem, np.array([np.log10(0.5)]))
    assert [(p.observable, p.title, p.label) for p in made.panels] == [("a", "t0", "time"), ("a", "t1", "time")]
    first = made.panels[0]
    np.testing.assert_allclose(made.expected[first.curve], 2.0 * np.exp(-0.5 * first.curve_x), rtol=1e-4)
    assert set(TIMES) <= set(first.curve_x)
    np.testing.assert_allclose(made.high - made.values, 0.1)
    expected = Likelihood(problem).simulate(np.array([[np.log10(0.5)]]))[0][0]
    np.testing.assert_allclose(made.residuals, (problem.values - expected) / 0.1, rtol=1e-6)
    (row,) = residual_rows(made, problem)
    assert row["rms"] == pytest.approx(np.sqrt(np.mean(made.residuals**2)))
    assert np.isnan(row["half"])


def test_trials_that_differ_in_one_number_are_a_dose_response() -> None:
    (panel,) = (made := make_panels(doses(), np.array([-1.0]))).panels
    assert (panel.label, panel.logarithmic) == ("k", (False, True))
    assert panel.title == "k at 1"
    np.testing.assert_allclose(made.expected[panel.curve], 2.0 * np.exp(-panel.curve_x), rtol=1e-4)
    assert panel.x.tolist() == pytest.approx([0.1 / 3.0, 0.1, 1.0, 10.0])  # no dose stands left of the others


def test_trials_that_differ_in_more_stand_side_by_side() -> None:
    (panel,) = make_panels(doses(more=True), np.array([-1.0])).panels
    assert panel.names == ("k0", "k0.1", "k1", "k10")
    assert len(panel.curve) == 0


def test_bands_hold_as_many_measurements_as_they_say() -> None:
    problem = decaying(tuple(np.full(200, 0.5)), noise=3)
    known = np.full((400, 1), np.log10(0.5))
    made = make_panels(problem, known[0], draws=known)
    (row,) = residual_rows(made, problem)
    assert row["half"] == pytest.approx(0.5, abs=0.06)
    assert row["most"] == pytest.approx(0.9, abs=0.04)
    assert row["far"] == pytest.approx(0.0455, abs=0.02)


@pytest.mark.parametrize("scale", ["log", "log10"])
def test_noise_on_a_logarithmic_scale_is_a_factor(scale: str) -> None:
    problem = decaying()
    problem = replace(
        problem, observables=(replace(problem.observables[0], scale=scale),), values=np.abs(problem.values) + 0.1
    )  # type: ignore[arg-type]
    made = make_panels(problem, np.array([-0.3]))
    np.testing.assert_allclose(made.high / made.values, (np.e if scale == "log" else 10.0) ** 0.1)
    assert made.panels[0].logarithmic == (True, False)


def test_bounds_are_drawn_as_bounds_and_have_no_residual() -> None:
    problem = decaying()
    censored = np.array([0, 1, -1, 2, 0], np.int8)
    limits = np.where(censored == 2, problem.values + 0.3, np.nan)
    made = make_panels(replace(problem, censored=censored, limits=limits), np.array([np.log10(0.5)]))
    (row,) = residual_rows(made, problem)
    assert row["count"] == 5
    assert row["rms"] == pytest.approx(np.sqrt(np.mean(made.residuals[[0, 4]] ** 2)))
    (ax,) = plot_panels(made, made.panels).axes
    drawn = [c.get_offsets().tolist() for c in ax.collections if len(np.atleast_2d(c.get_offsets())) == 1]
    for k in (1, 2):
        assert [TIMES[k], problem.values[k]] in [pytest.approx(d[0]) for d in drawn]
    (bar,) = [c for c in ax.collections if isinstance(c, LineCollection) and len(c.get_segments()) == 1]
    assert bar.get_segments()[0][:, 1].tolist() == pytest.approx([problem.values[3], problem.values[3] + 0.3])
    dots = next(line for line in ax.lines if line.get_marker() == "o")
    assert list(dots.get_xdata()) == [TIMES[0], TIMES[4]]
    none = replace(problem, censored=np.ones(5, np.int8))
    (row,) = residual_rows(make_panels(none, np.array([np.log10(0.5)])), none)
    assert np.isnan(row["rms"])
