"""What a run keeps on disk while it works: one file for each work unit, whole or not at all."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import xarray as xr

from hepatica.errors import InputError, StorageError

FORMAT = "hepatica work unit 1"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what can go wrong in writing into one sentence."""
    try:
        yield
    except OSError as error:
        full = error.errno == errno.ENOSPC or "no space left" in str(error).lower()
        if full:
            raise StorageError(
                f"the disk is full: '{path}' could not be written; free some space and continue with --resume."
            ) from error
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"'{path}' could not be written: {reason}; choose another folder with --out.") from error


class Store:
    """The work units of one run.

    Parameters
    ----------
    out
        Folder of the run; units go to ``out/partial``.
    digest
        Of model, study, draws and versions: a unit with another one is not of this run.
    resume
        Whether units that are there already are used; else they are removed.

    Raises
    ------
    StorageError
        When the folder cannot be made or emptied.
    """

    def __init__(self, out: Path, digest: str, *, resume: bool) -> None:
        self.folder = out / "partial"
        self.digest = digest
        with writing(self.folder):
            if not resume and self.folder.is_dir():
                shutil.rmtree(self.folder)
            self.folder.mkdir(parents=True, exist_ok=True)

    def load(self, unit: str) -> xr.Dataset | None:
        """Give a unit that was kept, or nothing.

        Raises
        ------
        InputError
            When it was made by another model, study, seed, number of draws or version.
        StorageError
            When it cannot be read.
        """
        path = self.folder / f"{unit}.nc"
        if not path.exists():
            return None
        try:
            with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as dataset:
                dataset.load()
        except (OSError, ValueError) as error:
            raise StorageError(f"'{path}' could not be read; delete it and continue with --resume.") from error
        if dataset.attrs.get("format") != FORMAT or dataset.attrs.get("digest") != self.digest:
            raise InputError(
                f"'{self.folder}' was made by another model, study, seed, number of draws or version of hepatica; "
                "run without --resume to start again, or choose another folder with --out."
            )
        return dataset

    def save(self, unit: str, dataset: xr.Dataset) -> None:
        """Keep a unit; the file appears whole or not at all.

        Raises
        ------
        StorageError
            When it cannot be written.
        """
        path = self.folder / f"{unit}.nc"
        part = path.with_suffix(".nc.part")
        kept = dataset.assign_attrs(format=FORMAT, digest=self.digest)
        with writing(path):
            try:
                kept.to_netcdf(part, engine="h5netcdf")
                part.replace(path)
            except OSError:
                part.unlink(missing_ok=True)
                raise

    def clear(self) -> None:
        """Remove the units: the result is complete."""
        with writing(self.folder):
            shutil.rmtree(self.folder)
