import logging
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hepatica.cli import app
from hepatica.errors import HostileFileError, NotFoundError
from hepatica.inference import check_petab

from .conftest import TABLES, YAML, Writer
from .test_petab_v2 import TABLES as TABLES_2
from .test_petab_v2 import YAML as YAML_2


def test_nothing_is_wrong(written: Writer) -> None:
    assert check_petab(written()) == ()
    assert check_petab(written(yaml=YAML_2, **TABLES_2)) == ()


def test_what_cannot_be_read_is_one_issue(written: Writer) -> None:
    (issue,) = check_petab(written(measurements=TABLES["measurements"].replace("a one 0", "aa one 0")))
    assert issue.severity == "error"
    assert issue.message.startswith("a measurement names observable 'aa'")


def test_what_the_linter_of_version_1_finds(written: Writer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        issues = check_petab(written(parameters=TABLES["parameters"] + "unused lin 0 1 0.5 1\n"))
    assert [i.severity for i in issues] == ["error"]
    assert "unused" in issues[0].message
    assert "\n" not in issues[0].message
    assert not caplog.records


def test_what_the_linter_of_version_2_finds(written: Writer) -> None:
    parameters = TABLES_2["parameters"] + "unused 0 1 0.5 true\n"
    conditions = TABLES_2["conditions"] + "idle k1 3\n"
    issues = check_petab(written(yaml=YAML_2, **(TABLES_2 | {"parameters": parameters, "conditions": conditions})))
    assert {i.severity for i in issues} == {"error", "warning"}
    assert any("unused" in i.message for i in issues)
    assert any("idle" in i.message for i in issues)
    assert all("\n" not in i.message and i.message.endswith(".") for i in issues)


def test_cells_that_only_the_library_refuses(written: Writer) -> None:
    replaced = {name: TABLES_2[name].replace("two", "2wo") for name in ("experiments", "measurements")}
    issues = check_petab(written(yaml=YAML_2, **(TABLES_2 | replaced)))
    assert issues
    assert all("2wo" in i.message and "\n" not in i.message for i in issues)


def test_hostile_files_are_refused(written: Writer, tmp_path: Path) -> None:
    with pytest.raises(HostileFileError, match="outside its folder"):
        check_petab(written(yaml=YAML.replace("model.xml", "../model.xml")))
    with pytest.raises(NotFoundError, match="there is no file"):
        check_petab(tmp_path / "none.yaml")
    file = written(observables=TABLES["observables"] + f"c {'A+' * 60_000}A 1\n")
    with pytest.raises(HostileFileError, match="a cell of the observable table has more than 100,000 characters"):
        check_petab(file)


def test_the_command(written: Writer) -> None:
    run = CliRunner()
    fine = run.invoke(app, ["check", str(written())])
    assert fine.exit_code == 0
    assert "no issues" in fine.stdout
    wrong = run.invoke(app, ["check", str(written(parameters=TABLES["parameters"] + "unused lin 0 1 0.5 1\n"))])
    assert wrong.exit_code == 1
    assert "unused" in wrong.stdout
    assert (
        '"severity": "error"' in run.invoke(app, ["check", str(written(parameters="parameterId\n")), "--json"]).stdout
    )
