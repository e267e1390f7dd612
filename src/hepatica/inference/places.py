"""Where the journals of a run are: in the folder ``journal`` of its results, or elsewhere and linked from there."""

from pathlib import Path

from hepatica.errors import InputError, StorageError

JOURNAL = Path("journal")
STARTS, PROFILES, SAMPLING = (JOURNAL / name for name in ("starts", "profiles", "sampling"))
"""Of the fit of a PEtab problem."""


def place_journal(folder: str | Path, elsewhere: str | Path) -> None:
    """Keep the journals of a run in another folder, such as one on a local disk, and link them from that of its results.

    Parameters
    ----------
    folder
        Of the results.
    elsewhere
        Where the journals go, or are already.

    Raises
    ------
    InputError
        When the results have their journals in another place.
    StorageError
        When a folder or the link cannot be made.
    """
    link, target = Path(folder) / JOURNAL, Path(elsewhere)
    try:
        target.mkdir(parents=True, exist_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_symlink() and not link.exists():  # what it led to was removed or moved
            link.unlink()
        if not link.exists():
            link.symlink_to(target.resolve(), target_is_directory=True)
    except OSError as error:
        raise StorageError(
            f"the journals could not be kept in '{target}': {error.strerror or error}; give another folder."
        ) from error
    if link.resolve() != target.resolve():
        raise InputError(
            f"the journals of '{folder}' are in '{link.resolve()}', not in '{target}'; give that folder, or other results."
        )
