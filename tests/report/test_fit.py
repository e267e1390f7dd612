import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from tests.inference.problems import decaying

from hepatica.errors import NotFoundError
from hepatica.inference import Estimate, Journal, Problem, fit, profile
from hepatica.inference.optimize import fit_header
from hepatica.inference.places import STARTS
from hepatica.report import write_fit_report


@pytest.fixture
def problem() -> Problem:
    return decaying((0.5, 0.2), sigma=None)


@pytest.fixture
def folder(problem: Problem, tmp_path: Path) -> Path:
    fit(problem, starts=4).to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")
    return tmp_path


def draws(problem: Problem, best: np.ndarray, folder: Path, shift: float = 0.0) -> None:
    random = np.random.default_rng(1)
    x = best + 0.05 * random.normal(size=(4, 300, len(best))) + shift * np.arange(4)[:, None, None]
    before = random.uniform(-3.0, 2.0, size=x.shape)
    groups = {
        name: xr.Dataset(
            {
                p.id: (("chain", "draw"), v[..., k], {"scale": p.scale, "lower": p.lower, "upper": p.upper})
                for k, p in enumerate(problem.estimated)
            }
        )
        for name, v in (("posterior", x), ("prior", before))
    }
    groups["iterations"] = xr.Dataset({"acceptance": ("iteration", np.full(10, 0.8))})
    tree = xr.DataTree.from_dict(groups)
    tree.attrs |= {"evaluations": 100, "failed": 0}
    tree.to_netcdf(folder / "posterior.nc", engine="h5netcdf")


def words(path: Path) -> str:
    text = re.sub(r"<(svg|style).*?</\1>", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))


def test_the_page_of_a_fit_is_one_file(folder: Path, problem: Problem) -> None:
    path = write_fit_report(folder, problem=problem)
    assert path == folder / "fit.html"
    page = path.read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="(?!#|data:)', page)
    text = words(path)
    assert "best log-posterior" in text
    assert "BLOCKED" not in text
    assert "2 panels of 10 measurements" in text
    assert "No profiles were made" in text
    assert page.count("<figure") == 3  # waterfall, residuals, panels
    write_fit_report(folder, problem=problem)
    assert path.read_text(encoding="utf-8") == page


def test_profiles_and_draws_are_shown_in_words(folder: Path, problem: Problem) -> None:
    with xr.open_dataset(folder / "fit.nc", engine="h5netcdf") as found:
        best = found["x"].values[0]
        profile(problem, found).to_netcdf(folder / "profiles.nc", engine="h5netcdf")
    draws(problem, best, folder)
    text = words(write_fit_report(folder, problem=problem))
    assert "determined within a factor" in text
    assert "In the 90 % band" in text
    assert "Twice the rise of minus the log-posterior" in text
    assert "Draws of the posterior" in text
    assert "BLOCKED" not in text


def test_what_may_not_be_relied_on_is_blocked(folder: Path, problem: Problem) -> None:
    found = fit(problem, starts=1)
    found.to_netcdf(folder / "fit.nc", engine="h5netcdf")
    draws(problem, found["x"].values[0], folder, shift=0.5)
    text = words(write_fit_report(folder, problem=problem))
    assert "BLOCKED: do not rely on this fit" in text
    assert "found by one of 1 starts only" in text
    assert "k: R-hat is " in text


def test_profiles_of_another_optimum_are_left_out(folder: Path, problem: Problem) -> None:
    made = profile(problem, np.array([-0.3, -2.0]), parameters=["k"])
    made.attrs["fit_objective"] += 1.0
    made.to_netcdf(folder / "profiles.nc", engine="h5netcdf")
    assert "profiles.nc begins at another optimum than the fit has now" in words(
        write_fit_report(folder, problem=problem)
    )


def test_a_running_fit_shows_what_it_has_found_so_far(problem: Problem, tmp_path: Path) -> None:
    with Journal.open(tmp_path / STARTS, fit_header(problem, 1, 500, None)) as journal:
        with pytest.raises(NotFoundError, match="holds no evaluation yet"):
            write_fit_report(tmp_path, problem=problem)
        complete = fit(problem, starts=3, journal=journal)
        journal.flush()
        text = words(write_fit_report(tmp_path, problem=problem))  # while it is open for writing
    assert "This fit is still running, or was stopped: 3 starts were begun." in text
    assert f"best log-posterior {-float(complete['objective'][0]):.10g};" in text
    assert "BLOCKED" not in text
    assert "2 panels of 10 measurements" in text


def test_starts_that_are_not_finished_are_counted(folder: Path, problem: Problem) -> None:
    with Journal.open(folder / STARTS, fit_header(problem, 1, 500, None)) as journal:
        fit(problem, starts=6, journal=journal)
    assert "2 more starts are in the journal" in words(write_fit_report(folder, problem=problem))


def test_without_the_problem_there_are_no_data(folder: Path) -> None:
    text = words(write_fit_report(folder))
    assert "does not say what was fitted, so that data cannot be shown" in text
    assert "best log-posterior" in text


def test_a_folder_without_a_fit(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"holds no fit: neither fit\.nc nor a journal"):
        write_fit_report(tmp_path)


def test_a_fit_of_which_no_start_could_be_evaluated(tmp_path: Path) -> None:
    problem = decaying(k=Estimate(id="k", lower=-1e6, upper=-9e5, nominal=-1e6))
    fit(problem, starts=2).to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")
    text = words(write_fit_report(tmp_path, problem=problem))
    assert "BLOCKED" in text
    assert "none of 20 starting points could be simulated (start 0, 1)" in text
