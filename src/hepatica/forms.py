"""Files that people write: TOML read as a form, with errors that name the file, the place and near names."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from hepatica.errors import FormatError, StorageError, did_you_mean


class Form(BaseModel):
    """The keys that a file, or a block of it, may hold; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read_form[AnyForm: BaseModel](path: str | Path, form: type[AnyForm]) -> AnyForm:
    """Read a TOML file as a form, with errors that name the file, the place and near names.

    Parameters
    ----------
    path
        The file.
    form
        The pydantic model that says what the file may hold.

    Returns
    -------
    BaseModel
        The filled form.

    Raises
    ------
    StorageError
        When the file cannot be read.
    FormatError
        When it is not TOML or does not fit the form.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot read '{path}': {(error.strerror or str(error)).lower()}.") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: not a text file in UTF-8; expected TOML.") from error
    try:
        return form.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"^(.*?)\s*\(at (?:line (\d+), column \d+|end of document)\)$", str(error), re.DOTALL)
        line = (found and found.group(2)) or str(text.count("\n") + 1)
        raise FormatError(
            f"{path}:{line}: not valid TOML: {found.group(1) if found else error}; correct this line."
        ) from error
    except ValidationError as error:
        raise FormatError(f"{path}: {_first_problem(error, form)}") from error


def _first_problem(error: ValidationError, form: type[BaseModel]) -> str:
    """Put pydantic's first complaint into one sentence with the place and near names."""
    problems = error.errors(include_url=False)
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    *parents, key = problem["loc"] or ("",)
    place = "".join(f"[{p + 1}]" if isinstance(p, int) else f".{p}" for p in parents).lstrip(".")
    inside = f" in {place}" if place else ""
    if problem["type"] == "extra_forbidden":
        return f"unknown key '{key}'{inside}.{did_you_mean(str(key), _known_keys(form, parents))}"
    if problem["type"] == "missing":
        return f"the key '{key}'{inside} is missing; add it."
    came = problem["input"]
    shown = f" (came: {came!r})" if isinstance(came, str | int | float) else ""
    return f"'{key}'{inside}: {problem['msg'][0].lower()}{problem['msg'][1:]}{shown}."


def _known_keys(form: type[BaseModel], parents: Sequence[str | int]) -> list[str]:
    """Give the keys of the form at a place."""
    here: list[type[BaseModel]] = [form]
    for part in parents:
        fields = [f.model_fields[part] for f in here if isinstance(part, str) and part in f.model_fields]
        if fields:
            here = [found for field in fields for found in _forms_in(field.annotation)]
        elif isinstance(part, str):
            here = [f for f in here if any(part in _literals(i.annotation) for i in f.model_fields.values())] or here
    return sorted({name for f in here for name in f.model_fields})


def _forms_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in getattr(annotation, "__args__", ()) for found in _forms_in(inner)]


def _literals(annotation: Any) -> tuple[Any, ...]:
    return tuple(getattr(annotation, "__args__", ()))
