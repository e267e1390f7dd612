"""Filling the templates of pages, and writing these."""

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from hepatica.errors import StorageError


def fill(template: str, **values: object) -> str:
    """Fill a template: every text is escaped, a name without value is an error."""
    environment = Environment(
        loader=PackageLoader("hepatica.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip
    return environment.get_template(template).render(**values)


def save_page(path: Path, page: str) -> Path:
    """Write a page; gives its path.

    Raises
    ------
    StorageError
        When it cannot be written.
    """
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"'{path}' cannot be written: {error.strerror}; free space or choose another folder."
        ) from error
    return path
