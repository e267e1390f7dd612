from pathlib import Path

import pytest

from hepatica.errors import FormatError, HostileFileError, InputError, NotFoundError, UnsupportedError
from hepatica.inference import read_petab
from hepatica.inference.files import LARGEST_YAML

from .conftest import TABLES, YAML, Writer


def refused(file: Path, kind: type[InputError], text: str) -> None:
    with pytest.raises(kind, match=text) as caught:
        read_petab(file)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith((".", "?"))


def test_a_missing_file(tmp_path: Path) -> None:
    refused(tmp_path / "no.yaml", NotFoundError, r"there is no file '.*no\.yaml'")


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("a: &x [1]\nb: *x\n", HostileFileError, "YAML aliases"),
        ("#" * (LARGEST_YAML + 1), HostileFileError, "1,048,577 bytes; at most 1,048,576"),
        ("[" * 5_000 + "]" * 5_000, HostileFileError, "nested too deeply, in more than 50"),
        ("- " * 5_000 + "1", HostileFileError, "nested too deeply"),
        ("? " * 500_000, HostileFileError, "nested too deeply"),
        ("a: [", FormatError, "no YAML"),
        ("a: !!python/object/apply:os.system [ls]", FormatError, "no YAML"),
        ("- 1\n", FormatError, "no problem file of PEtab"),
        ("", FormatError, "no problem file of PEtab"),
        ("a: 1\n", FormatError, "'format_version' is missing"),
        ("format_version: 3\n", UnsupportedError, "PEtab version 3"),
        ("format_version: 1\n", FormatError, "'problems' is missing"),
        (YAML.replace("problems:\n- sbml", "problems:\n- {}\n- sbml"), UnsupportedError, "files with one problem; this has 2"),
        (YAML.replace("[model.xml]", "[model.xml, other.xml]"), UnsupportedError, "one SBML file; this has 2"),
        (YAML.replace("[model.xml]", "3"), FormatError, "'sbml_files' names no file; expected a name"),
        (YAML.replace("- sbml", "- 1\n- sbml").replace("- sbml", "  sbml"), FormatError, "no YAML"),
        (YAML.replace("model.xml", "../model.xml"), HostileFileError, "outside its folder"),
        (YAML.replace("model.xml", "none.xml"), NotFoundError, "no file 'none.xml' beside it"),
        (YAML.replace("conditions.tsv", "/etc/passwd"), HostileFileError, "outside its folder"),
        (YAML.replace("conditions.tsv", "none.tsv"), NotFoundError, "no file 'none.tsv' beside it"),
        (YAML.replace("[conditions.tsv]", "[1, 2]"), FormatError, "names no file"),
        (YAML.replace("parameter_file: parameters.tsv\n", ""), FormatError, "'parameter_file' is missing"),
        (YAML.replace("parameter_file: parameters.tsv", "parameter_file: []"), FormatError, "names no file"),
    ],
)  # fmt: skip
def test_problem_files(text: str, kind: type[InputError], message: str, written: Writer) -> None:
    refused(written(yaml=text), kind, message)


def test_bytes_that_are_no_text(written: Writer) -> None:
    file = written()
    file.write_bytes(b"\xff\xfe\x00")
    refused(file, FormatError, "no text in UTF-8")


@pytest.mark.parametrize("table", list(TABLES))
@pytest.mark.parametrize(
    ("content", "kind"), [(b"", FormatError), (b"\xff\xfe\x00\x01", FormatError), (b"a\tb\n1\t2\t3\t4\n1\n", FormatError),
                          (b"nothing\tof\tthis\n1\t2\t3\n", FormatError), (b'"a\n', FormatError)],
)  # fmt: skip
def test_tables_that_are_none(table: str, content: bytes, kind: type[InputError], written: Writer) -> None:
    file = written()
    (file.parent / f"{table}.tsv").write_bytes(content)
    refused(file, kind, "table")


def test_several_files_of_a_table_are_one_table(written: Writer) -> None:
    file = written(
        yaml=YAML.replace("[conditions.tsv]", "[conditions.tsv, more.tsv]"), conditions="conditionId a0\none 1\n"
    )
    (file.parent / "more.tsv").write_text("conditionId\ta0\ntwo\t2.5\n")
    assert [t.id for t in read_petab(file).trials] == ["one", "two"]
