"""The files of a PEtab problem, which are of unknown hands."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from hepatica.errors import FormatError, HostileFileError, NotFoundError

LARGEST_YAML, LARGEST_TABLE = 2**20, 2**29
"""Bytes."""
DEEPEST = 50
"""Lists and mappings within each other; PEtab needs five."""
Columns = Callable[[Any], pd.DataFrame]


def read_yaml(file: Path) -> Mapping[str, Any]:
    """Read the YAML file of a problem.

    Raises
    ------
    NotFoundError, HostileFileError, FormatError
        When it is not there, is too large or too deep, has aliases (which can stand for more than any memory holds), or is no mapping.
    """
    text = _text(file, LARGEST_YAML)
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise HostileFileError(
                    f"{file}: refused because it is nested too deeply, in more than {DEEPEST} lists or mappings."
                )
            if isinstance(event, yaml.AliasEvent):
                raise HostileFileError(
                    f"{file}: refused because it has YAML aliases, which PEtab does not need; write them out."
                )
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise FormatError(f"{file}: no YAML ({str(error).splitlines()[0]}).") from error
    if not isinstance(found, dict):
        raise FormatError(f"{file}: expected a mapping with 'format_version'; this is no problem file of PEtab.")
    return found


def required(settings: Mapping[str, Any], key: str, file: Path) -> Any:
    """Give an entry that must be there."""
    if not isinstance(settings, Mapping) or key not in settings:
        raise FormatError(f"{file}: '{key}' is missing; PEtab needs it.")
    return settings[key]


def beside(file: Path, name: object) -> Path:
    """Give the path of a file that the problem names; it must lie in the folder of the problem.

    Raises
    ------
    HostileFileError, NotFoundError
        When it lies elsewhere, or is not there.
    """
    folder = file.parent.resolve()
    path = (folder / str(name)).resolve()
    if not path.is_relative_to(folder):
        raise HostileFileError(f"{file}: refused because it names '{name}', outside its folder; move the file there.")
    if not path.is_file():
        raise NotFoundError(f"{file}: there is no file '{name}' beside it.")
    return path


def names_of(settings: Mapping[str, Any], key: str, file: Path) -> list[str]:
    """Give the names of the files of an entry that must be there: a name, or several."""
    names = required(settings, key, file)
    names = names if isinstance(names, list) else [names]
    if not names or not all(isinstance(name, str) for name in names):
        raise FormatError(f"{file}: '{key}' names no file; expected a name or a list of names.")
    return list(names)


def read_table(
    file: Path, names: Sequence[str], columns: Columns, needed: Sequence[str], key: str | None = None
) -> pd.DataFrame:
    """Read one or several tables as one.

    Parameters
    ----------
    file
        The YAML file, which lies beside the tables.
    names
        Their files.
    columns
        Makes of a table what PEtab's library expects.
    needed
        Columns that must be there.
    key
        The column that names the rows, where it may name each row once.
    """
    frames = [_table(beside(file, name)) for name in names]
    for name, frame in zip(names, frames, strict=True):
        for column in needed:
            if column not in frame:
                raise FormatError(f"{file.parent / name}: the table has no column '{column}', which PEtab needs.")
    whole = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    if key is not None:
        for value, count in whole[key].value_counts().items():
            if count > 1:
                raise FormatError(
                    f"{file.parent / names[0]}: {key.removesuffix('Id')} '{value}' has {count} rows; keep one."
                )
    try:
        return columns(whole)
    except (KeyError, ValueError, AssertionError) as error:
        detail = str(error).strip("'\"").splitlines()[0] if str(error) else type(error).__name__
        raise FormatError(f"{file}: a table is not as PEtab has it ({detail}).") from error


def number(cell: object, what: str, empty: float | None = None) -> float:
    """Give a cell as a number; ``empty``, where there is one, of an empty cell.

    Raises
    ------
    FormatError
        When it is none; ``what`` says of which parameter or measurement which cell it is.
    """
    nothing = cell is None or (isinstance(cell, float) and np.isnan(cell)) or str(cell).strip() == ""
    if nothing and empty is not None:
        return empty
    try:
        value = np.nan if nothing else float(str(cell))
    except ValueError:
        value = np.nan
    if np.isnan(value):
        raise FormatError(f"{what} '{'' if nothing else cell}' is no number.")
    return value


def _table(path: Path) -> pd.DataFrame:
    _size(path, LARGEST_TABLE)
    try:
        return pd.read_csv(path, sep="\t")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: no table of tab-separated values ({str(error).splitlines()[0]}).") from error


def _text(file: Path, most: int) -> str:
    _size(file, most)
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{file}: no text in UTF-8.") from error


def _size(file: Path, most: int) -> None:
    if not file.is_file():
        raise NotFoundError(f"there is no file '{file}'.")
    if file.stat().st_size > most:
        raise HostileFileError(
            f"{file}: refused because it has {file.stat().st_size:,} bytes; at most {most:,} are read."
        )
