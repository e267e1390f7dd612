"""Records of TOML files, and the lines that errors name."""

import pytest

from hepatica.errors import FormatError, StorageError
from hepatica.library.files import Record, line_of, read_record, read_text

TEXT = """
id = "s"
[screen]
rule = 1

[[claim]]
id = "C1"
[[claim.contrast]]
id = "a"
[[claim.contrast]]
id = "b"

[[claim]]
id = "C2"
[[claim.contrast]]
id = "c"
[[claim.contrast]]
expect = "up"
[claim.more]
"x y" = 1
"""


GOOD = TEXT.replace("expect =", 'id = "d"\nexpect =').replace('"x y"', "deep")


class Contrast(Record):
    id: str
    expect: str = ""


class More(Record):
    deep: int = 0


class Claim(Record):
    id: str
    contrast: list[Contrast]
    more: More | None = None


class Screen(Record):
    rule: int


class Study(Record):
    id: str
    screen: Screen
    claim: list[Claim]
    tags: list[str] = []  # noqa: RUF012


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("id",), 2),
        (("screen",), 3),
        (("screen", "rule"), 4),
        (("screen", "gone"), 3),
        (("claim", 1), 13),
        (("claim", 1, "id"), 14),
        (("claim", 0, "contrast", 1, "id"), 11),
        (("claim", 1, "contrast", 0, "id"), 16),
        (("claim", 1, "contrast", 1, "id"), 17),
        (("claim", 1, "contrast", 1, "expect"), 18),
        (("claim", 1, "more", "x y"), 20),
        (("claim", 2, "id"), None),
        (("gone",), None),
        ((), None),
    ],
)
def test_line_of(path, line):
    assert line_of(TEXT, path) == line


def test_line_of_an_inline_table():
    assert line_of('a = 1\nclaim = [{id = "x"}]\n', ("claim", 0, "id")) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            TEXT,
            r":17: the key 'id' is missing in \[\[claim\.contrast\]\] number 2\. \(1 more",
        ),
        (
            TEXT.replace("expect =", 'id = "d"\nexpet ='),
            r":19: unknown key 'expet' in .*\. Did you mean 'expect'\? \(1 more",
        ),
        (GOOD.replace("rule = 1", "rule = true"), r":4: 'rule' in \[screen\] is True; expected integer\."),
        (GOOD.replace("[screen]\nrule = 1", "screen = [1]"), r":3: 'screen' is a list; expected "),
        (GOOD.replace('id = "s"', 'id = "s"\ntags = ["a", 2]'), r":3: 'tags' is 2; expected string\."),
        (GOOD.replace('id = "s"', 'id = "s"\nnew = {}'), r": unknown key 'new'\. Known: claim, id, screen, tags\."),
        (GOOD.replace('id = "s"', "id = {}"), r":2: 'id' is a table; expected string\."),
    ],
)
def test_errors_name_line_table_and_key(tmp_path, text, message):
    path = tmp_path / "study.toml"
    path.write_text(text)
    with pytest.raises(FormatError, match=rf"study\.toml.*{message}"):
        read_record(path, Study)


def test_a_good_file(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(GOOD)
    study = read_record(path, Study)
    assert study.claim[1].contrast[1] == Contrast(id="d", expect="up")
    assert study.claim[1].more.deep == 1


def test_unreadable_file(tmp_path):
    with pytest.raises(StorageError, match=r"^'.*gone\.toml' could not be read: No such file or directory\.$"):
        read_text(tmp_path / "gone.toml")
    with pytest.raises(StorageError, match=r"could not be read: Is a directory\.$"):
        read_text(tmp_path)
