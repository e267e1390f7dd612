from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from hepatica.errors import FormatError, InputError, UnsupportedError
from hepatica.inference import Likelihood, Problem, read_petab, write_petab

from .cases import TIGHT, differences, problem, right
from .conftest import Writer

HEAD = "observableId simulationConditionId time measurement measurementType censoringBounds\n"
READ = [(0, 0, 0.5), (0, 0, 1.0), (0, 1, 1.0), (0, 1, 2.0), (0, 0, 3.0)]


def censored(scale: str = "lin", distribution: str = "normal") -> Problem:
    made = problem(
        estimates={"k1": (0.8, "log10"), "s": (0.3, "log")}, formulas=[("A", "s + 0.1*B"), ("B", "s")], read=READ,
        scale=scale, distribution=distribution,
    )  # fmt: skip
    limits = np.array([np.nan, np.nan, np.nan, 2.2, np.nan])
    return replace(made, censored=np.array([1, -1, 1, 2, 0], np.int8), limits=limits)


@pytest.mark.parametrize("scale", ["lin", "log", "log10"])
@pytest.mark.parametrize("distribution", ["normal", "laplace"])
def test_gradients(scale: str, distribution: str) -> None:
    right(censored(scale, distribution))


def test_the_value_is_that_of_tails_and_intervals() -> None:
    made = censored()
    likelihood = Likelihood(made, tolerances=TIGHT)
    (expected,), (sigma,) = likelihood.simulate(made.nominal[None])
    noise = [stats.norm(e, s) for e, s in zip(expected, sigma, strict=True)]
    v = made.values
    want = [
        noise[0].logsf(v[0]), noise[1].logcdf(v[1]), noise[2].logsf(v[2]), np.log(noise[3].cdf(2.2) - noise[3].cdf(v[3])),
        noise[4].logpdf(v[4]),
    ]  # fmt: skip
    assert likelihood(made.nominal[None])[0] == pytest.approx(sum(want), rel=1e-12)


def test_information_is_symmetric_and_never_below_zero() -> None:
    made = censored()
    points = made.nominal + np.random.default_rng(3).normal(size=(8, 2))
    value, gradient, known = Likelihood(made).curvature(points)
    assert np.isfinite(value).all()
    assert (np.linalg.eigvalsh(known) >= -1e-9).all()
    want = differences(Likelihood(made, tolerances=TIGHT), points[3])
    np.testing.assert_allclose(gradient[3], want, rtol=1e-4)


def test_residuals_cross_bounds() -> None:
    made = censored()
    likelihood = Likelihood(made)
    (expected,), (sigma,) = likelihood.simulate(made.nominal[None])
    z = (made.values - expected) / sigma
    top = (2.2 - expected[3]) / sigma[3]
    want = [max(z[0], 0.0), min(z[1], 0.0), max(z[2], 0.0), max(z[3], 0.0) + min(top, 0.0), z[4]]
    assert likelihood.residuals(made.nominal[None])[0] == pytest.approx(want)


def test_the_digest_knows_what_is_censored() -> None:
    made = censored()
    plain = replace(made, censored=None, limits=None)
    other = replace(made, censored=np.abs(made.censored))  # type: ignore[arg-type]
    assert len({made.digest, plain.digest, other.digest, replace(made, limits=made.limits + 1.0).digest}) == 4  # type: ignore[operator]


def test_what_is_no_censoring() -> None:
    made = censored()
    with pytest.raises(InputError, match=r"5 measurements, and 'censored' has shape \(2,\)"):
        replace(made, censored=np.zeros(2, np.int8))
    with pytest.raises(InputError, match="expected -1, 0, 1 or 2 for each"):
        replace(made, censored=np.full(5, 3, np.int8))
    with pytest.raises(InputError, match="'limits' not of each"):
        replace(made, limits=None)
    with pytest.raises(InputError, match=r"measurement 4 is in the interval from 1\.75 to 1\.75"):
        replace(made, limits=np.full(5, 1.75))


def test_tables_of_version_1(written: Writer) -> None:
    rows = (
        "a one 0 2  \na one 1  right-censored 1.4\na two 2 9 left-censored 2.5\nb two 3  interval-censored 1.5;2\n"
        "b two 3 1 relative \n"
    )
    read = read_petab(written(measurements=HEAD + rows))
    assert read.censored is not None
    assert read.limits is not None
    assert read.censored.tolist() == [0, 1, -1, 2, 0]
    assert read.values.tolist() == [2.0, 1.4, 2.5, 1.5, 1.0]
    assert read.limits[3] == 2.0
    assert np.isfinite(Likelihood(read)(read.nominal[None])).all()


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    made = censored("log10")
    file = write_petab(made, tmp_path)
    again = read_petab(file)
    assert again.censored is not None
    assert made.censored is not None
    assert again.censored.tolist() == made.censored.tolist()
    before, after = (Likelihood(p, tolerances=TIGHT)(p.nominal[None])[0] for p in (made, again))
    assert after == pytest.approx(before, rel=1e-12)
    assert "censored:\n    version: 1.0.0\n    required: true" in file.read_text()


@pytest.mark.parametrize(
    ("cells", "kind", "message"),
    [
        ("ordinal ", UnsupportedError, "measurement 1 is ordinal"),
        ("semiquantitative ", UnsupportedError, "measurement 1 is semiquantitative"),
        ("top-censored 1", FormatError, "the measurementType 'top-censored' is none of right-censored"),
        ("right-censored ", FormatError, "measurement 1: the bound '' is no number"),
        ("right-censored 1;2", FormatError, "with the censoringBounds '1;2'; expected one number"),
        ("interval-censored 1", FormatError, "expected two numbers, low;high"),
        ("interval-censored 2;1", InputError, "measurement 1 is in the interval from 2 to 1"),
        ("left-censored x", FormatError, "measurement 1: the bound 'x' is no number"),
    ],
)
def test_what_is_refused(cells: str, kind: type[InputError], message: str, written: Writer) -> None:
    with pytest.raises(kind, match=message):
        read_petab(written(measurements=HEAD + f"a one 0 2 {cells}\n"))
