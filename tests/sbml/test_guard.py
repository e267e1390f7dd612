import pytest

from hepatica.errors import FormatError, HostileFileError, NotFoundError, StorageError, UnsupportedError
from hepatica.sbml import guard as room
from hepatica.sbml import read_antimony, read_sbml
from hepatica.sbml.guard import guard_antimony, guard_xml, read_text

SBML = '<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2">{}</sbml>'


def test_a_doctype_is_refused_before_entities_expand():
    text = '<!DOCTYPE a [<!ENTITY x "ha">]>' + SBML.format("&x;")
    with pytest.raises(
        HostileFileError, match=r"^SBML text: refused because it has a DOCTYPE; remove it, SBML needs none\.$"
    ):
        read_sbml(text)


def test_deep_nesting_is_refused():
    with pytest.raises(
        HostileFileError, match=r"^x\.xml:1: refused because 'a' is nested more than 128 levels deep\.$"
    ):
        guard_xml("<a>" * 6000 + "</a>" * 6000, "x.xml")


def test_size_and_number_of_elements_are_limited(monkeypatch):
    monkeypatch.setattr(room, "MAX_BYTES", 2_000_000)
    monkeypatch.setattr(room, "MAX_ELEMENTS", 10)
    with pytest.raises(HostileFileError, match=r"^x: refused because it has 3 MB; a model has at most 2 MB\.$"):
        guard_xml(" " * 3_000_000, "x")
    with pytest.raises(HostileFileError, match=r"^y: refused because it has 3 MB"):
        guard_antimony(" " * 3_000_000, "y")
    with pytest.raises(HostileFileError, match="more than 10 elements"):
        guard_xml("<a>" + "<b/>" * 10 + "</a>", "x")


def test_malformed_xml_names_the_line():
    with pytest.raises(FormatError, match=r"^SBML text:2: not well-formed XML \(mismatched tag\)\.$"):
        read_sbml("<sbml>\n<a></sbml>")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1;\ny = \0 2", "t:2: refused because it contains a NUL byte."),
        ("x = " + "(" * 200 + "1" + ")" * 200, "t:1: refused because parentheses are nested more than 128 deep."),
        ("\nx = 1" + " - 1" * 1001, "t:2: refused because one statement has more than 1000 operators."),
        ("x = 1" + " - \\\n1" * 1001, "t:1000: refused because one statement has more than 1000 operators."),
    ],
)
def test_hostile_antimony_is_refused(text, message):
    with pytest.raises(HostileFileError) as error:
        guard_antimony(text, "t")
    assert str(error.value) == message


def test_import_is_refused():
    with pytest.raises(
        UnsupportedError, match=r"^Antimony text:2: 'import' is not supported; put the modules into one model\.$"
    ):
        read_antimony(text='x = 1\nimport "/etc/passwd"')


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    with pytest.raises(NotFoundError, match="no file"):
        read_sbml(tmp_path / "absent.xml")
    with pytest.raises(StorageError, match="is no file; give the path of a model file"):
        read_text(tmp_path)
    odd = tmp_path / "odd.xml"
    odd.write_bytes(b"<sbml>\xff</sbml>")
    with pytest.raises(FormatError, match=r"^odd\.xml: not UTF-8 text; save the file in UTF-8\.$"):
        read_sbml(odd)
    monkeypatch.setattr(room, "MAX_BYTES", 3)
    with pytest.raises(HostileFileError, match=r"odd\.xml: refused because it has 0 MB"):
        read_sbml(odd)


def nested_functions(count, body):
    return "".join(f"function f{i}(x)\n {body.format(f'f{i - 1}') if i else 'x'}\nend\n" for i in range(count))


def test_functions_that_double_are_refused():
    with pytest.raises(
        HostileFileError, match="the assignment rule of 'y': refused because its functions are nested too deeply"
    ):
        read_antimony(text=nested_functions(30, "{0}(x) + {0}(x)") + "y := f29(1);")


def test_chains_that_antimony_cannot_follow_are_refused():
    with pytest.raises(HostileFileError, match="33 formulas build on one another up to 'function f32'"):
        read_antimony(text=nested_functions(300, "{0}(x)") + "y := f299(1);")
    with pytest.raises(HostileFileError, match="151 formulas build on one another up to 'y150'"):
        read_antimony(text="y0 := time;" + "".join(f"y{i} := y{i - 1} + 1;" for i in range(1, 400)))


def test_shared_arguments_count_each_time_they_are_used():
    call = "1"
    for _ in range(25):
        call = f"f({call})"
    with pytest.raises(HostileFileError, match="the formula grows beyond 200000 terms"):
        read_antimony(text=f"function f(x)\n x + x\nend\ny := {call};")


def test_deep_formulas_are_refused():
    with pytest.raises(HostileFileError, match="nested more than 128 levels deep"):
        read_antimony(text="a = 1; y := " + " - ".join(["a"] * 500))
