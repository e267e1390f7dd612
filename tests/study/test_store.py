"""Work units on disk: whole or not at all, and only those of this run."""

import errno

import numpy as np
import pytest
import xarray as xr

from hepatica.errors import InputError, StorageError
from hepatica.study.store import Store

UNIT = xr.Dataset({"x": (("arm", "draw"), np.arange(6.0).reshape(2, 3))})


def test_a_unit_comes_back_as_it_was(tmp_path):
    store = Store(tmp_path / "new" / "out", "a", resume=False)
    assert store.load("dish-0") is None
    store.save("dish-0", UNIT)
    back = Store(tmp_path / "new" / "out", "a", resume=True).load("dish-0")
    assert np.array_equal(back["x"].values, UNIT["x"].values)
    assert sorted(p.name for p in store.folder.iterdir()) == ["dish-0.nc"]
    store.clear()
    assert not store.folder.exists()


def test_a_new_run_forgets_the_old_units(tmp_path):
    Store(tmp_path, "a", resume=False).save("dish-0", UNIT)
    assert Store(tmp_path, "a", resume=False).load("dish-0") is None


def test_units_of_another_run_are_refused(tmp_path):
    Store(tmp_path, "a", resume=False).save("dish-0", UNIT)
    with pytest.raises(
        InputError, match="was made by another model, study, seed, number of draws or version of hepatica"
    ):
        Store(tmp_path, "b", resume=True).load("dish-0")


def test_a_damaged_unit_is_named(tmp_path):
    store = Store(tmp_path, "a", resume=False)
    (store.folder / "dish-0.nc").write_bytes(b"not a netCDF file")
    with pytest.raises(StorageError, match=r"dish-0\.nc' could not be read; delete it and continue with --resume\."):
        store.load("dish-0")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full: '"),
        (
            OSError("Unable to write (No space left on device)"),
            "could not be written; free some space and continue with --resume.",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied"),
            "could not be written: permission denied; choose another folder with --out.",
        ),
    ],
)
def test_a_failed_write_leaves_nothing_and_says_why(tmp_path, monkeypatch, error, text):
    store = Store(tmp_path, "a", resume=False)

    def fail(self, path, **_):
        path.write_bytes(b"half")
        raise error

    monkeypatch.setattr(xr.Dataset, "to_netcdf", fail)
    with pytest.raises(StorageError) as caught:
        store.save("dish-0", UNIT)
    assert text in str(caught.value)
    assert list(store.folder.iterdir()) == []


def test_an_impossible_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not be written: not a directory; choose another folder with --out"):
        Store(tmp_path / "file" / "out", "a", resume=False)
