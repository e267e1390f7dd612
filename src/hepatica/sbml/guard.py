"""Refuse hostile files before any C parser sees them.

libSBML, Antimony and libRoadRunner crash (a segmentation fault, not an exception) on deeply nested formulas and expand
XML entities without a limit. Expat reads the text first and refuses what no honest model contains: in the 3,303 files
of the SBML test suite the deepest nesting is 12 and none has a DOCTYPE.
"""

import re
import stat
from pathlib import Path
from xml.parsers import expat

from hepatica.errors import FormatError, HostileFileError, NotFoundError, StorageError, UnsupportedError

MAX_BYTES = 20_000_000
MAX_NESTING = 128
MAX_ELEMENTS = 1_000_000
MAX_ARGUMENTS = 10_000
MAX_ARGUMENTS_IN_PARTS = 300
"""In hierarchical models, where libSBML's flattening takes a time that grows with the square: 2 s for 300."""
MAX_ATTRIBUTE = 1_000_000
MAX_NAME = 1_000
MAX_OPERATORS = 1_000
MAX_WORD = 10_000
_OPERATORS = re.compile(r"[-+*/^!%<>=&|,]")
_STATEMENT_END = re.compile(r"[;\n]")
_WORD = re.compile(r"\S+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MATHML = "http://www.w3.org/1998/Math/MathML"
_CORE = re.compile(r"http://www\.sbml\.org/sbml/level\d+(?:/version\d+)?(?:/core)?")
_VERSIONS = {
    "http://www.sbml.org/sbml/level1": ("1", ("1", "2")),
    "http://www.sbml.org/sbml/level2": ("2", ("1",)),
    **{f"http://www.sbml.org/sbml/level2/version{v}": ("2", (v,)) for v in "2345"},
    **{f"http://www.sbml.org/sbml/level3/version{v}/core": ("3", (v,)) for v in "12"},
}
_COMP = re.compile(r"http://www\.sbml\.org/sbml/level3/version\d+/comp/version\d+")
_FREE = frozenset({"annotation", "notes", "message"})
"""Elements in which anything may stand: libSBML keeps it as it is."""


def read_text(path: Path) -> str:
    """Read a model file as UTF-8 text, no larger than 20 MB.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    str
        Its text.

    Raises
    ------
    NotFoundError, StorageError, HostileFileError, FormatError
        When the file is missing, unreadable, too large or no UTF-8 text.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise StorageError(f"'{path}' is no file; give the path of a model file.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise HostileFileError(_too_large(path.name, path.stat().st_size))
        return data.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise NotFoundError(f"no file '{path}'.") from error
    except OSError as error:
        raise StorageError(f"'{path}' cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path.name}: not UTF-8 text; save the file in UTF-8.") from error
    except ValueError as error:  # a NUL in the name
        raise NotFoundError(f"no file {str(path)!r}.") from error


def guard_xml(text: str, name: str) -> None:
    """Raise when an XML text is malformed, or more than a model needs.

    Parameters
    ----------
    text
        The whole file.
    name
        What to call it in the message.

    Raises
    ------
    HostileFileError
        Larger than 20 MB, a DOCTYPE or entity, nesting beyond 128 levels, more than a million elements, more than 10,000
        terms in one sum (300 in a hierarchical model), an attribute of more than a million or an id of more than 1,000
        characters.
    FormatError
        Not well-formed, or elements of two SBML levels in one file; with file and line.

    Examples
    --------
    >>> guard_xml("<!DOCTYPE x><sbml/>", "x.xml")
    Traceback (most recent call last):
    hepatica.errors.HostileFileError: x.xml: refused because it has a DOCTYPE; remove it, SBML needs none.
    """
    data = text.encode("utf-8", errors="surrogatepass")
    if len(data) > MAX_BYTES:
        raise HostileFileError(_too_large(name, len(data)))
    _Scan(name).read(data)


class _Scan:
    """One pass of expat with counters."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.elements = 0
        self.children: list[int] = []
        self.free_below = 0  # depth of an element in which anything may stand
        self.core = ""
        self.arguments = MAX_ARGUMENTS
        self.parser = expat.ParserCreate("utf-8", " ")

    def read(self, data: bytes) -> None:
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.StartNamespaceDeclHandler = self.namespace
        self.parser.StartDoctypeDeclHandler = self.doctype
        try:
            self.parser.Parse(data, True)  # noqa: FBT003 (expat takes no keyword)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise FormatError(f"{self.name}:{error.lineno}: not well-formed XML ({reason}).") from error

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        space, _, local = tag.rpartition(" ")
        self.elements += 1
        if len(self.children) >= MAX_NESTING:
            self.refuse(f"'{local[:MAX_NAME]}' is nested more than {MAX_NESTING} levels deep")
        if self.elements > MAX_ELEMENTS:
            self.refuse(f"it has more than {MAX_ELEMENTS} elements")
        if self.children:
            self.children[-1] += 1
            if space == _MATHML and self.children[-1] > self.arguments:
                self.refuse(f"a formula has more than {self.arguments} terms side by side")
        self.children.append(0)
        for key, value in attributes.items():
            limit = MAX_NAME if key in {"id", "metaid"} else MAX_ATTRIBUTE
            if len(value) > limit:
                self.refuse(f"the {key[:MAX_NAME]} of a '{local[:MAX_NAME]}' has more than {limit} characters")
        if self.free_below:
            return
        if local in _FREE:
            self.free_below = len(self.children)
        elif _CORE.fullmatch(space):
            # libSBML ends the process where a list of one level stands inside a model of another
            if self.core and space != self.core:
                raise FormatError(
                    f"{self.here}: '{local[:MAX_NAME]}' is of {space}, but the file is of {self.core}; "
                    "keep to one level and version."
                )
            self.core = space
            if local == "sbml":
                self.check_version(space, attributes)

    def namespace(self, _prefix: str | None, space: str | None) -> None:
        if space and _COMP.fullmatch(space):
            self.arguments = MAX_ARGUMENTS_IN_PARTS

    def end(self, _tag: str) -> None:
        if len(self.children) == self.free_below:
            self.free_below = 0
        self.children.pop()

    def check_version(self, space: str, attributes: dict[str, str]) -> None:
        level, versions = _VERSIONS.get(space, ("", ()))
        if attributes.get("level") != level or attributes.get("version") not in versions:
            given = " and ".join(f"{k} '{attributes.get(k, '')[:MAX_NAME]}'" for k in ("level", "version"))
            raise FormatError(f"{self.here}: {given} are not those of the namespace '{space}'; correct one of them.")

    @property
    def here(self) -> str:
        return f"{self.name}:{self.parser.CurrentLineNumber}"

    def refuse(self, reason: str) -> None:
        raise HostileFileError(f"{self.here}: refused because {reason}.")

    def doctype(self, name: str, system: str | None, public: str | None, internal: int) -> None:
        raise HostileFileError(f"{self.name}: refused because it has a DOCTYPE; remove it, SBML needs none.")


def guard_antimony(text: str, name: str) -> None:
    """Raise when an Antimony text is more than a model needs.

    Parameters
    ----------
    text
        The whole text, comments and quoted names included.
    name
        What to call it in the message.

    Raises
    ------
    HostileFileError
        Larger than 20 MB, NUL bytes and other control characters, parentheses nested beyond 128, a statement with more
        than 1,000 operators, a word of more than 10,000 characters.
    UnsupportedError
        An ``import``: hepatica reads no file that it was not given.
    """
    size = len(text.encode("utf-8", errors="surrogatepass"))
    if size > MAX_BYTES:
        raise HostileFileError(_too_large(name, size))
    control = _CONTROL.search(text)
    if control:
        line = text[: control.start()].count("\n") + 1
        what = "a NUL byte" if control[0] == "\0" else f"the control character {ord(control[0])}"
        raise HostileFileError(f"{name}:{line}: refused because it contains {what}.")
    for number, line_text in enumerate(text.split("\n"), start=1):
        if len(line_text) > MAX_WORD and any(len(word[0]) > MAX_WORD for word in _WORD.finditer(line_text)):
            raise HostileFileError(f"{name}:{number}: refused because a word has more than {MAX_WORD} characters.")
        if re.match(r"\s*import\b", line_text):
            raise UnsupportedError(f"{name}:{number}: 'import' is not supported; put the modules into one model.")
    _guard_nesting(text, name)


def _guard_nesting(text: str, name: str) -> None:
    depth = line = 1
    operators = 0
    # a backslash at the end of a line continues the statement
    for char in re.sub(r"\\[ \t\r]*\n", " \0", text):
        if char in "\n\0":
            line += 1
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth = max(depth - 1, 1)
        if depth > MAX_NESTING + 1:
            raise HostileFileError(
                f"{name}:{line}: refused because parentheses are nested more than {MAX_NESTING} deep."
            )
        if _STATEMENT_END.match(char):
            operators = 0
        elif _OPERATORS.match(char):
            operators += 1
            if operators > MAX_OPERATORS:
                raise HostileFileError(
                    f"{name}:{line}: refused because one statement has more than {MAX_OPERATORS} operators."
                )


def _too_large(name: str, size: int) -> str:
    return f"{name}: refused because it has {size / 1e6:.0f} MB; a model has at most {MAX_BYTES // 1_000_000} MB."
