"""Reading the TOML files of the library (and of studies): validated, with errors that name file, line and key."""

import re
import tomllib
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from hepatica.errors import FormatError, StorageError, did_you_mean

Place = Traversable | Path


class Record(BaseModel):
    """A table of a TOML file; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def library_root() -> Traversable:
    """Give the folder of the library."""
    return files("hepatica.library")


def place_name(place: Place) -> str:
    """Give a file's name for messages: inside the package from ``library/`` on, else as it was given."""
    text = str(place)
    root = f"{library_root()}/"
    return f"library/{text.removeprefix(root)}" if text.startswith(root) else text


def read_text(place: Place) -> str:
    """Read a UTF-8 text file.

    Raises
    ------
    StorageError
        When the file cannot be read.
    FormatError
        When it is not UTF-8.
    """
    try:
        return place.read_bytes().decode("utf-8")
    except OSError as error:
        raise StorageError(f"'{place_name(place)}' could not be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{place_name(place)}: not UTF-8 text at byte {error.start}; save the file as UTF-8."
        ) from error


def read_record[R: Record](place: Place, record: type[R]) -> R:
    """Read a TOML file as a record.

    Parameters
    ----------
    place
        The file.
    record
        What it must hold.

    Returns
    -------
    Record
        The validated content.

    Raises
    ------
    FormatError
        When it is no TOML, a key is unknown, missing or of the wrong kind; with file, line and key.
    StorageError
        When it cannot be read.
    """
    text = read_text(place)
    return validate(parse_toml(text, place_name(place)), record, place_name(place), text)


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """Parse TOML; ``name`` stands before the line in the error."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", str(error), re.DOTALL)
        line, what = (found[2], found[1]) if found else (str(text.count("\n") + 1), str(error).split(" (at ")[0])
        raise FormatError(f"{name}:{line}: not valid TOML: {what[:1].lower()}{what[1:]}.") from error


def validate[R: Record](content: dict[str, Any], record: type[R], name: str, text: str = "") -> R:
    """Make a record of parsed TOML.

    Parameters
    ----------
    content
        The table.
    record
        What it must be.
    name
        File name for messages.
    text
        The file's text, from which the line of a wrong key is found.
    """
    try:
        return record.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = first["loc"]
        line = line_of(text, path)
        rest = f" ({error.error_count() - 1} more in this file)" if error.error_count() > 1 else ""
        where = f"{name}:{line}: " if line else f"{name}: "
        raise FormatError(
            where + _sentence(first["type"], path, first["input"], first["msg"], record) + rest
        ) from error


def _sentence(kind: str, path: tuple[int | str, ...], given: object, message: str, record: type[Record]) -> str:
    key, table = str(path[-1]), _table(path[:-1])
    if kind == "extra_forbidden":
        return f"unknown key '{key}'{table}.{did_you_mean(key, _known_keys(record, path[:-1]))}"
    if kind == "missing":
        return f"the key '{key}' is missing{table}."
    if not isinstance(path[-1], str):
        key, table = str(path[-2]), _table(path[:-2])
    shown = "a table" if isinstance(given, dict) else "a list" if isinstance(given, list) else repr(given)
    expected = message.removeprefix("Input should be ").removeprefix("Value error, ").removeprefix("a valid ")
    return f"'{key}'{table} is {shown}; expected {expected}."


def _table(path: Sequence[int | str]) -> str:
    """Name a table in words: ``("changes", 1)`` is the second ``[[changes]]``; the line tells the tables around it."""
    levels = _levels(path)
    if not levels:
        return ""
    name, number = ".".join(n for n, _ in levels), levels[-1][1]
    return f" in [{name}]" if number is None else f" in [[{name}]] number {number + 1}"


def _levels(path: Sequence[int | str]) -> list[tuple[str, int | None]]:
    """Split a path into names with the number of the entry where a name is a list."""
    following = [*path[1:], ""]
    return [
        (step, n if isinstance(n, int) else None)
        for step, n in zip(path, following, strict=False)
        if isinstance(step, str)
    ]


def _known_keys(record: type[Record], path: Sequence[int | str]) -> list[str]:
    """Give the keys that a nested table may have."""
    here: Any = record
    for step in path:
        if isinstance(step, str) and isinstance(here, type) and issubclass(here, BaseModel):
            here = here.model_fields[step].annotation if step in here.model_fields else None
        while here is not None and not isinstance(here, type):
            inner = [a for a in get_args(here) if a is not type(None) and a is not str]
            here = inner[0] if inner else None
        if here is None:
            return []
    return list(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []


def line_of(text: str, path: Sequence[int | str]) -> int | None:
    """Give the line where a key of a TOML text stands; where it is missing, the line of its table; else None."""
    lines = text.splitlines()
    levels = _levels(path)
    key = levels.pop()[0] if path and isinstance(path[-1], str) else None
    begin, end, here, name = 0, len(lines), None, ""
    for step, number in levels:
        name = f"{name}.{step}" if name else step
        same = _headers(lines, begin, end, name)
        if (number or 0) >= len(same):
            return here or _line_of_key(lines, begin, end, step)
        begin = same[number or 0] + 1
        end = same[(number or 0) + 1] if (number or 0) + 1 < len(same) else end
        here = begin
    if key is None:
        return here
    sub = _headers(lines, begin, end, f"{name}.{key}" if name else key)
    return _line_of_key(lines, begin, end, key) or (sub[0] + 1 if sub else here)


def _headers(lines: list[str], begin: int, end: int, name: str) -> list[int]:
    return [i for i in range(begin, end) if re.match(rf"\s*\[\[?\s*{re.escape(name)}\s*\]", lines[i])]


def _line_of_key(lines: list[str], begin: int, end: int, key: str) -> int | None:
    for i in range(begin, end):
        if re.match(r"\s*\[", lines[i]):
            return None
        if re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", lines[i]):
            return i + 1
    return None
