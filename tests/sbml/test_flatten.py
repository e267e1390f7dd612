from itertools import pairwise

import pytest

from hepatica.errors import FormatError, HostileFileError, ModelError, NotFoundError, UnsupportedError
from hepatica.sbml import flatten as room
from hepatica.sbml import read_sbml
from hepatica.sbml.flatten import flatten_hierarchy

DOCUMENT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" '
    'xmlns:comp="http://www.sbml.org/sbml/level3/version1/comp/version1" level="3" version="2" comp:required="true">{}</sbml>'
)
DECAY = (
    '<listOfParameters><parameter id="x" value="{}" constant="false">{}</parameter></listOfParameters><listOfRules>'
    '<rateRule variable="x"><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><minus/><ci>x</ci></apply></math>'
    "</rateRule></listOfRules>"
)
LIST = "<comp:listOf{0}>{1}</comp:listOf{0}>"
REPLACED = LIST.format("ReplacedElements", '<comp:replacedElement comp:idRef="{}" comp:submodelRef="A"/>')


def submodels(*references):
    each = "".join(f'<comp:submodel comp:id="{chr(65 + i)}" comp:modelRef="{r}"/>\n' for i, r in enumerate(references))
    return LIST.format("Submodels", each)


def definition(key, content):
    return f'<comp:modelDefinition id="{key}">{content}</comp:modelDefinition>'


def external(key, source, reference=""):
    more = f' comp:modelRef="{reference}"' if reference else ""
    return LIST.format(
        "ExternalModelDefinitions",
        f'<comp:externalModelDefinition comp:id="{key}" comp:source="{source}"{more}/>',
    )


def document(content, *definitions, outside=""):
    inside = LIST.format("ModelDefinitions", "".join(definitions)) if definitions else ""
    return DOCUMENT.format(f'<model id="m">{content}</model>{inside}{outside}')


def values(model):
    return {p.id: p.value for p in model.parameters}


def test_elements_of_submodels_get_the_submodels_id_before_their_own():
    text = document(
        submodels("one", "two"), definition("one", DECAY.format(1, "")), definition("two", submodels("one"))
    )
    model = read_sbml(text)
    assert values(model) == {"A__x": 1.0, "B__A__x": 1.0}
    assert {r.variable for r in model.rules} == {"A__x", "B__A__x"}
    assert model.origin["A__x"].startswith("SBML text (flattened):")


def test_a_replaced_element_is_the_one_above():
    one = definition("one", DECAY.format(1, ""))
    above = '<listOfParameters><parameter id="x" value="5" constant="false">{}</parameter></listOfParameters>'
    model = read_sbml(document(above.format(REPLACED.format("x")) + submodels("one"), one))
    assert values(model) == {"x": 5.0}
    assert [r.variable for r in model.rules] == ["x"]


def test_a_model_without_submodels_keeps_its_text():
    text = document(DECAY.format(1, ""), definition("unused", ""))
    assert flatten_hierarchy(text, "m.xml") is text


def test_files_in_the_folder_are_read(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "leaf.xml").write_text(document("", definition("leaf", DECAY.format(7, ""))))
    (tmp_path / "parts" / "twig.xml").write_text(
        document(
            submodels("L", "own"), definition("own", DECAY.format(3, "")), outside=external("L", "leaf.xml", "leaf")
        )
    )
    top = tmp_path / "top.xml"
    top.write_text(document(submodels("T", "T"), outside=external("T", "parts/twig.xml")))
    assert values(read_sbml(top)) == {"A__A__x": 7.0, "A__B__x": 3.0, "B__A__x": 7.0, "B__B__x": 3.0}


@pytest.mark.parametrize(
    "source", ["../secret.xml", "parts/../../secret.xml", "/etc/hostname", "file:///etc/hostname", "http://x.org/a.xml",
               "a\\b.xml", "%2e%2e/secret.xml", ""],
)  # fmt: skip
def test_files_outside_the_folder_are_refused(tmp_path, source):
    folder = tmp_path / "models"
    folder.mkdir()
    (tmp_path / "secret.xml").write_text(document(DECAY.format(1, "")))
    (folder / "top.xml").write_text(document(submodels("E"), outside=external("E", source)))
    with pytest.raises(HostileFileError) as error:
        read_sbml(folder / "top.xml")
    assert str(error.value) == (
        f"top.xml:3: external model 'E': refused because '{source}' is not a file in the folder of the model."
    )


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    (tmp_path / "secret.xml").write_text(document(DECAY.format(1, "")))
    (folder / "link.xml").symlink_to(tmp_path / "secret.xml")
    (folder / "top.xml").write_text(document(submodels("E"), outside=external("E", "link.xml")))
    with pytest.raises(HostileFileError, match=r"refused because 'link\.xml' is not a file in the folder"):
        read_sbml(folder / "top.xml")


def test_files_pass_the_guard_before_libsbml_sees_them(tmp_path):
    top = tmp_path / "top.xml"
    top.write_text(document(submodels("E"), outside=external("E", "part.xml")))
    with pytest.raises(NotFoundError, match=r"part\.xml'\.$"):
        read_sbml(top)
    (tmp_path / "part.xml").write_text('<!DOCTYPE sbml><sbml xmlns="http://www.sbml.org/sbml/level3/version2/core"/>')
    with pytest.raises(HostileFileError, match=r"^part\.xml: refused because it has a DOCTYPE"):
        read_sbml(top)
    spatial = ' xmlns:spatial="http://www.sbml.org/sbml/level3/version1/spatial/version1" spatial:required="true">'
    (tmp_path / "part.xml").write_text(DOCUMENT.replace(">{}", spatial + "<model/>"))
    with pytest.raises(UnsupportedError, match=r"^part\.xml: the SBML package 'spatial' is required"):
        read_sbml(top)


def test_a_text_names_no_files():
    with pytest.raises(UnsupportedError) as error:
        read_sbml(document(submodels("E"), outside=external("E", "part.xml")))
    assert str(error.value) == (
        "SBML text:3: external model 'E' is in the file 'part.xml', which a model given as text cannot name; "
        "give the model as a file."
    )


def test_circles_are_refused(tmp_path):
    with pytest.raises(
        ModelError, match=r"^SBML text:\d+: the models one -> two -> one contain each other in a circle"
    ):
        read_sbml(document(submodels("one"), definition("one", submodels("two")), definition("two", submodels("one"))))
    (tmp_path / "a.xml").write_text(document(submodels("E"), outside=external("E", "b.xml")))
    (tmp_path / "b.xml").write_text(document(submodels("E"), outside=external("E", "a.xml")))
    with pytest.raises(
        ModelError, match=r"^b\.xml:3: .* the files a\.xml -> b\.xml -> a\.xml name each other in a circle"
    ):
        read_sbml(tmp_path / "a.xml")


def tower(levels, width):
    names = [f"M{i}" for i in range(levels)]
    inner = [definition(a, submodels(*[b] * width)) for a, b in pairwise(names)]
    return document(submodels("M0"), *inner, definition(names[-1], DECAY.format(1, "")))


def test_what_would_grow_without_bound_is_refused_before_it_grows():
    with pytest.raises(
        HostileFileError, match=r"^SBML text: refused because it has 1111111111 submodels and \d+ elements"
    ):
        read_sbml(tower(10, 10))
    with pytest.raises(HostileFileError, match=r"^SBML text: refused because submodels are nested more than 32 deep"):
        read_sbml(tower(40, 1))


def test_the_number_of_files_is_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "MAX_FILES", 2)
    (tmp_path / "a.xml").write_text(document(submodels("E"), outside=external("E", "b.xml")))
    (tmp_path / "b.xml").write_text(document(submodels("E"), outside=external("E", "c.xml")))
    (tmp_path / "c.xml").write_text(document(DECAY.format(1, "")))
    with pytest.raises(HostileFileError, match=r"^c\.xml: refused because the model is spread over more than 2 files"):
        read_sbml(tmp_path / "a.xml")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (document(submodels("nothing")), "refers to a model with id 'nothing'"),
        (
            document(DECAY.format(1, REPLACED.format("y")) + submodels("one"), definition("one", DECAY.format(1, ""))),
            "'y'",
        ),
    ],
)
def test_what_cannot_be_put_together_is_named(text, reason):
    with pytest.raises(FormatError, match=r"^SBML text:\d+: the submodels cannot be put together: .*") as error:
        read_sbml(text)
    assert reason in str(error.value)
