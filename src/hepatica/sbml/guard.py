"""Refuse hostile files before any C parser sees them.

libSBML, Antimony and libRoadRunner crash (a segmentation fault, not an exception) on deeply nested formulas and expand
XML entities without a limit. Expat reads the text first and refuses what no honest model contains: in the 3,303 files
of the SBML test suite the deepest nesting is 12 and none has a DOCTYPE.
"""

import re
from pathlib import Path
from xml.parsers import expat

from hepatica.errors import FormatError, HostileFileError, NotFoundError, StorageError, UnsupportedError

MAX_BYTES = 20_000_000
MAX_NESTING = 128
MAX_ELEMENTS = 1_000_000
MAX_OPERATORS = 1_000
_OPERATORS = re.compile(r"[-+*/^!%<>=&|,]")
_STATEMENT_END = re.compile(r"[;\n]")


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
        if path.stat().st_size > MAX_BYTES:
            raise HostileFileError(_too_large(path.name, path.stat().st_size))
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise NotFoundError(f"no file '{path}'.") from error
    except OSError as error:
        raise StorageError(f"'{path}' cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path.name}: not UTF-8 text; save the file in UTF-8.") from error


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
        Larger than 20 MB, a DOCTYPE or entity, nesting beyond 128 levels, more than a million elements.
    FormatError
        Not well-formed, with file and line.

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
        self.depth = 0
        self.elements = 0

    def read(self, data: bytes) -> None:
        parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.StartDoctypeDeclHandler = self.doctype
        try:
            parser.Parse(data, True)  # noqa: FBT003 (expat takes no keyword)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise FormatError(f"{self.name}:{error.lineno}: not well-formed XML ({reason}).") from error

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self.elements += 1
        if self.depth > MAX_NESTING:
            raise HostileFileError(
                f"{self.name}: refused because '{tag}' is nested more than {MAX_NESTING} levels deep."
            )
        if self.elements > MAX_ELEMENTS:
            raise HostileFileError(f"{self.name}: refused because it has more than {MAX_ELEMENTS} elements.")

    def end(self, tag: str) -> None:
        self.depth -= 1

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
        Larger than 20 MB, NUL bytes, parentheses nested beyond 128, a statement with more than 1,000 operators.
    UnsupportedError
        An ``import``: hepatica reads no file that it was not given.
    """
    size = len(text.encode("utf-8", errors="surrogatepass"))
    if size > MAX_BYTES:
        raise HostileFileError(_too_large(name, size))
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise HostileFileError(f"{name}:{line}: refused because it contains a NUL byte.")
    for number, line_text in enumerate(text.split("\n"), start=1):
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
