"""The command line: what it prints, its exit codes, its sentences."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from hepatica import cli, report, study
from hepatica.errors import ComputationError, StorageError
from hepatica.model import Issue
from hepatica.sbml import write_sbml
from tests.inference import problems

STUDY = Path(__file__).parents[1] / "studies" / "igf1r-sorafenib"


@pytest.fixture
def quick(monkeypatch):
    """Let the founding study run without its large experiments, and the report be a line of text."""
    from dataclasses import replace

    real = study.load_study

    def smaller(name):
        full = real(name)
        kept = tuple(e for e in full.experiments if e.id == "expression")
        return replace(
            full,
            experiments=kept,
            claims=full.claims[:1],
            effect=None,
            draws=2,
            block=100,
            left_out=None,
            literature=(),
        )

    def page(result, out):
        path = Path(out) / "report.html"
        path.write_text(result.study.title)
        return path

    monkeypatch.setattr(study, "load_study", smaller)
    monkeypatch.setattr(report, "write_report", page, raising=False)


def test_the_package_can_be_run():
    done = subprocess.run([sys.executable, "-m", "hepatica", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("hepatica 0.")


def test_version_and_help_need_no_heavy_import(call):
    code, out, _ = call("--version")
    assert code == 0
    assert out.startswith("hepatica 0.")
    code, out, _ = call("--help")
    assert code == 0
    assert all(word in out for word in ("run", "check", "show", "cite"))
    heavy = "('numba', 'xarray', 'antimony', 'scipy', 'pydantic')"
    loaded = f"import sys, hepatica.cli; print(','.join(m for m in {heavy} if m in sys.modules))"
    found = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


def test_run_prints_the_claims_and_ends_with_the_report(call, quick, tmp_path):
    code, out, err = call("run", STUDY, "--out", tmp_path / "o", "--threads", 1)
    assert code == 0
    lines = out.strip().splitlines()
    assert lines[0].startswith("2 of ")
    assert "pass the screening rules" in lines[0]
    assert any(line.startswith("C1") and "supported (P 1.00" in line for line in lines)
    assert lines[-1] == str(tmp_path / "o" / "report.html")
    assert "simulation, prior: 6 of 6 (100 %)" in err
    assert "simulation, posterior: 6 of 6 (100 %)" in err


def test_run_as_data(call, quick, tmp_path):
    code, out, _ = call("run", STUDY, "--out", tmp_path / "o", "--draws", 3, "--seed", 5, "--threads", 1, "--json")
    data = json.loads(out)
    assert code == 0
    assert data["provenance"]["seed"] == 5
    assert data["provenance"]["draws"] == 3
    assert data["provenance"]["command"].startswith("hepatica run ")
    assert data["claims"][0]["verdicts"][0]["cell_line"] == "HepG2"
    assert data["report"].endswith("report.html")


def test_ctrl_c_says_how_to_continue(call, quick, monkeypatch, tmp_path):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(study, "run_study", interrupted)
    code, out, err = call("run", STUDY, "--out", tmp_path / "o")
    assert code == 130
    assert out == ""
    again = f"hepatica run {STUDY} --out {tmp_path / 'o'} --resume"
    assert err == f"hepatica: interrupted; what is done is kept in '{tmp_path / 'o'}'. Continue with: {again}\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [(StorageError("the disk is full."), 2), (ComputationError("only 3 of 9 candidate draws pass."), 1)],
)
def test_an_error_is_one_sentence_without_traceback(call, quick, monkeypatch, tmp_path, error, code):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(study, "run_study", fail)
    found, out, err = call("run", STUDY, "--out", tmp_path / "o")
    assert (found, out, err) == (code, "", f"hepatica: {error}\n")


def test_mistakes_have_exit_code_two(call, tmp_path):
    assert call("run", "nowhere")[0] == 2
    code, _, err = call("run", STUDY, "--threads", 0)
    assert (code, err) == (2, "hepatica: threads is 0; expected at least one.\n")
    code, _, err = call("show", "sorafenb")
    assert code == 2
    assert "Did you mean 'sorafenib'" in err
    code, _, err = call("check", "hc")
    assert code == 2
    assert err == "hepatica: nothing to check is called 'hc'; give a model or a study. Did you mean 'hcc'?\n"
    assert call("fly")[0] == 2


def test_malformed_toml_is_named_with_its_line(call, tmp_path):
    (tmp_path / "study.toml").write_text('id = "x"\ntitle = \n')
    code, _, err = call("check", tmp_path)
    assert code == 2
    assert f"{tmp_path / 'study.toml'}:2: not valid TOML: " in err


def test_check_a_model(call):
    code, out, _ = call("check", "hcc")
    assert code == 0
    assert "model hcc: " in out
    assert "parameters rest on: " in out
    assert "assumed" in out
    data = json.loads(call("check", "hcc", "--json")[1])
    assert data["model"] == "hcc"
    assert sum(data["parameters"].values()) > 100
    assert not [issue for issue in data["issues"] if issue["severity"] == "error"]


def test_check_finds_what_is_wrong(call, tmp_path):
    path = tmp_path / "wrong.ant"
    path.write_text("model wrong\n  species A; A = 1; k = 2;\n  J: A -> ; k*A*B;\nend\n")
    code, out, err = call("check", path)
    assert code in {1, 2}
    assert "B" in out + err


def test_check_a_study(call):
    code, out, _ = call("check", STUDY)
    assert code == 0
    assert out.startswith("study igf1r-sorafenib: 7 experiments, 237 arms, 11 claims\n")
    data = json.loads(call("check", STUDY, "--json")[1])
    assert data["experiments"] == ["dish", "clamp", "wound", "xenograft", "expression", "antibody", "Hep3B"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sorafenib", "sorafenib, drug"),
        ("SK-Hep1", "cell line"),
        ("shIGF1R", "tool"),
        ("doubling_time", "parameter"),
        ("tumorbiol2016", "source"),
        ("C7", "C7, claim (the model must give it by itself)"),
    ],
)
def test_show(call, monkeypatch, name, text):
    monkeypatch.chdir(STUDY.parents[1])
    code, out, _ = call("show", name)
    assert code == 0
    assert text in out
    data = json.loads(call("show", name, "--json")[1])
    assert name in {data.get("id"), data.get("key")}


def test_cite(call):
    code, out, _ = call("cite", STUDY)
    assert code == 0
    assert "@article{igf1r_sorafenib_2023," in out
    assert "10.1186/s12885-023-10561-7" in out
    keys = [entry["key"] for entry in json.loads(call("cite", STUDY, "--json")[1])]
    assert {"ye2024", "zhang2024_t2dm", "xue2024", "zheng2024", "mahc_genealogy_2024", "igf1r_sorafenib_2023"} <= {
        *keys
    }


def test_progress_is_a_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with cli.screen.show_progress() as progress:
        progress("screening", 1, 4)
        progress("screening", 4, 4)
        progress("simulation", 2, 4)
    shown = capsys.readouterr().err
    assert "screening" in shown
    assert "4/4" in shown


def test_progress_in_a_file_is_a_line_at_each_tenth_and_each_minute_with_the_time_left(capsys):
    seconds = iter([0, 5, 10, 71, 100, 200])
    progress = cli.screen._plain_progress(lambda: float(next(seconds)))
    for done in (0, 1, 10, 12, 13, 100):
        progress("chains", done, 100)
    assert capsys.readouterr().err.splitlines() == [
        "chains: 10 of 100 (10 %, 2 min left)",
        "chains: 12 of 100 (12 %, 9 min left)",
        "chains: 100 of 100 (100 %)",
    ]


def test_the_first_run_on_a_machine_says_what_takes_so_long(monkeypatch, capsys):
    from hepatica import solver

    monkeypatch.setattr(solver, "loop_is_ready", lambda: False)
    with cli.screen.show_progress():
        pass
    assert capsys.readouterr().err.startswith("hepatica: the first run prepares the solver")


def test_a_verdict_without_draws_says_so():
    from hepatica.claims import Verdict

    nothing = Verdict(
        claim="C", contrast="all", cell_line="x", outcome="undecided", probability=float("nan"), error=float("nan"),
        opposite=float("nan"), effect=float("nan"), interval=(float("nan"), float("nan")), n=0, left_out=5, kind="entailed",
    )  # fmt: skip
    assert cli.screen.verdict_text(nothing) == "undecided (no draw can tell)"


def test_many_issues_of_one_kind_are_told_as_a_number():
    issues = [Issue(severity="error", where="a.ant:1", message=f"parameter 'k{i}' has no source.") for i in range(9)]
    issues.append(Issue(severity="warning", where="", message="the model has no time unit; declare one."))
    lines = list(cli.screen.issue_lines(issues))
    assert lines[0] == "error: a.ant:1: parameter 'k0' has no source."
    assert lines[3] == "    and 6 more like this (all with --json)"
    assert lines[4:] == ["warning: the model has no time unit; declare one.", "9 errors, 1 warnings"]
    assert list(cli.screen.issue_lines([])) == ["no issues"]


PULSE = """model pulse
compartment cell = 2.5; species A in cell = 10; species B in cell = 0; k = 0.3; dose = 4;
bind: A -> B; cell*k*A;
E1: at time >= 10: A = A + dose;
end
"""


@pytest.fixture
def pulse(tmp_path):
    """A small model as files of Antimony and SBML."""
    from hepatica.sbml import read_antimony, write_sbml

    (tmp_path / "pulse.ant").write_text(PULSE)
    write_sbml(read_antimony(tmp_path / "pulse.ant"), tmp_path / "pulse.xml")
    return tmp_path


@pytest.mark.parametrize("suffix", ["ant", "xml"])
def test_check_against_a_second_engine(call, pulse, suffix):
    code, out, _ = call("check", pulse / f"pulse.{suffix}", "--against", "roadrunner", "--until", 50)
    assert code == 0
    lines = out.strip().splitlines()
    assert lines[-1].startswith("the two engines agree within ")
    assert lines[-1].endswith(" on 3 quantities")
    assert any("libRoadRunner 2." in line for line in lines)


def test_check_against_reads_the_users_own_file(call, pulse, monkeypatch):
    """When hepatica misreads a file, the engines differ."""
    from dataclasses import replace

    from hepatica import library

    real = library.load_model

    def misread(name):
        model = real(name)
        return replace(
            model, parameters=tuple(replace(p, value=5.0) if p.id == "dose" else p for p in model.parameters)
        )

    monkeypatch.setattr(library, "load_model", misread)
    code, out, _ = call("check", pulse / "pulse.xml", "--against", "roadrunner")
    assert code == 1
    assert out.strip().splitlines()[-1].startswith("the engines differ: ")


def test_check_against_as_data(call, pulse):
    code, out, _ = call("check", pulse / "pulse.ant", "--against", "roadrunner", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["agree"] is True
    assert {d["name"] for d in found["differences"]} == {"A", "B", "bind"}
    assert found["until"] == 100.0
    assert found["engine"].startswith("libRoadRunner 2.")


def test_check_against_says_what_is_missing(call, pulse, monkeypatch):
    code, _, err = call("check", pulse / "pulse.ant", "--against", "copasi")
    assert (code, err) == (2, "hepatica: 'copasi' is no engine to compare with; known: roadrunner.\n")
    monkeypatch.setitem(sys.modules, "roadrunner", None)
    code, _, err = call("check", pulse / "pulse.ant", "--against", "roadrunner")
    assert code == 2
    assert err == "hepatica: libRoadRunner is not installed; install it with: pip install 'hepatica[roadrunner]'\n"


@pytest.fixture
def decay(tmp_path):
    """A PEtab problem of one species that decays, measured at three times."""
    write_sbml(problems.decay(), tmp_path / "model.xml")
    tables = {
        "conditions.tsv": "conditionId\nc0",
        "measurements.tsv": "observableId\tsimulationConditionId\ttime\tmeasurement\na\tc0\t0\t2.1\na\tc0\t1\t1.1\na\tc0\t3\t0.5",
        "observables.tsv": "observableId\tobservableFormula\tnoiseFormula\na\tA\t0.1",
        "parameters.tsv": "parameterId\tparameterScale\tlowerBound\tupperBound\tnominalValue\testimate\nk\tlog10\t1e-3\t1e3\t0.5\t1",
    }
    for name, text in tables.items():
        (tmp_path / name).write_text(text + "\n")
    parts = "\n".join(f"    {k}_files: [{v}]" for k, v in (
        ("condition", "conditions.tsv"), ("measurement", "measurements.tsv"), ("observable", "observables.tsv"), ("sbml", "model.xml"),
    ))  # fmt: skip
    file = tmp_path / "decay.yaml"
    file.write_text(f"format_version: 1\nparameter_file: parameters.tsv\nproblems:\n  -\n{parts}\n")
    return file


def test_fit_finds_the_rate_and_keeps_what_it_computed(call, decay, tmp_path):
    out = tmp_path / "out"
    code, text, _ = call("fit", decay, "--starts", 3, "--out", out, "--threads", 1)
    assert code == 0
    assert text.splitlines()[0].startswith("best log-posterior ")
    assert text.splitlines()[-2:] == [str(out / "fit.nc"), str(out / "fit.html")]
    note = json.loads((out / "fit.json").read_text())
    assert note["file"] == str(decay)
    assert note["command"].startswith("hepatica fit ")
    with xr.open_dataset(out / "fit.nc") as found:
        assert found["x"].values[0, 0] == pytest.approx(np.log10(0.53), abs=0.05)
    code, _, error = call("fit", decay, "--starts", 3, "--out", out)
    assert code == 2
    assert "--resume" in error
    code, again, _ = call("fit", decay, "--starts", 4, "--out", out, "--resume")
    assert code == 0
    assert again.splitlines()[0].startswith(text.split(";")[0])


def test_fit_draws_from_the_posterior(call, decay, tmp_path):
    out = tmp_path / "out"
    code, text, _ = call("fit", decay, "--starts", 2, "--out", out, "--threads", 1, "--sample", "--draws", 1000)
    assert code == 0, text
    lines = text.splitlines()
    assert lines[2].startswith("1,024 draws of 4 chains, ")
    assert lines[-2:] == [str(out / "posterior.nc"), str(out / "fit.html")]
    with xr.open_datatree(out / "posterior.nc") as found:
        assert found["posterior"]["k"].values.mean() == pytest.approx(np.log10(0.53), abs=0.05)
        assert found["posterior_predictive"]["measurement"].shape == (4, 256, 3)
    again = call("fit", decay, "--starts", 2, "--out", out, "--sample", "--draws", 1000, "--resume")
    assert again[:2] == (0, text)


def test_the_journal_of_a_fit_may_be_elsewhere(call, decay, tmp_path):
    out, journal = tmp_path / "out", tmp_path / "disk" / "journal"
    wanted = ("fit", decay, "--starts", 2, "--threads", 1, "--out", out)
    code, text, _ = call(*wanted, "--journal", journal)
    assert code == 0
    assert (journal / "starts" / "journal.sqlite").is_file()
    code, _, error = call(*wanted, "--journal", tmp_path / "other", "--resume")
    assert code == 2
    assert f"the journals of '{out}' are in '{journal}', not in" in error
    # the results are lost, the journal is not
    shutil.rmtree(out)
    assert call(*wanted, "--journal", journal, "--resume")[:2] == (0, text)
    (out / "fit.nc").unlink()
    assert call("report", out)[0] == 0
    # what the link led to has moved
    moved = journal.rename(tmp_path / "moved")
    assert call(*wanted, "--journal", moved, "--resume")[:2] == (0, text)
    taken = tmp_path / "file"
    taken.write_text("")
    code, _, error = call(*wanted, "--journal", taken)
    assert (code, error.count("\n")) == (2, 1)
    assert "could not be kept in" in error


def test_fit_profiles_and_reports_again(call, decay, tmp_path):
    out = tmp_path / "out"
    code, _, _ = call("fit", decay, "--starts", 3, "--profile", "--out", out, "--threads", 1)
    assert code == 0
    with xr.open_dataset(out / "profiles.nc") as made:
        low, high = float(made["lower"].sel(level=0.95)[0]), float(made["upper"].sel(level=0.95)[0])
    assert low < np.log10(0.53) < high
    page = (out / "fit.html").read_text()
    assert "determined within a factor" in page
    assert str(decay) in page
    code, text, _ = call("report", out, "--threads", 1)
    assert (code, text) == (0, f"{out / 'fit.html'}\n")
    assert (out / "fit.html").read_text() == page
    (out / "fit.nc").unlink()
    code, _, _ = call("report", out)
    assert code == 0
    assert "still running, or was stopped: 3 starts" in (out / "fit.html").read_text()
    measured = decay.parent / "measurements.tsv"
    measured.write_text(measured.read_text().replace("2.1", "2.2"))
    call("report", out)
    assert "has changed since the fit, so that data cannot be shown" in (out / "fit.html").read_text()
    code, _, error = call("report", tmp_path / "nothing")
    assert code == 2
    assert "holds no fit" in error


def test_fit_says_in_one_sentence_what_it_cannot_read(call, tmp_path):
    code, _, error = call("fit", tmp_path / "nothing.yaml")
    assert code == 2
    assert error.startswith("hepatica: there is no file ")
    assert error.count("\n") == 1
