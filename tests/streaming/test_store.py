import subprocess
import sys
from pathlib import Path

import h5netcdf
import numpy as np
import pytest
import xarray as xr

from hepatica.ensemble import draw_prior
from hepatica.errors import FormatError, InputError, StorageError
from hepatica.simulation import simulate
from hepatica.streaming import prior_blocks, read_blocks, simulate_blocks, stored_draws, write_blocks
from tests.streaming.cases import BLOWN_UP, EXPERIMENT, blocks, explosive, uncertain


def opened(path: Path) -> xr.Dataset:
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        return dataset.load()


def whole(draws: int, seed: int = 3) -> xr.Dataset:
    return simulate(uncertain(), EXPERIMENT, draw_prior(uncertain(), draws, seed=seed), threads=1)


def require_bits(one: xr.Dataset, other: xr.Dataset) -> None:
    """Same names, types and bits, units and meanings; text may be of another type."""
    assert set(one.variables) == set(other.variables)
    for name in one.variables:
        mine, yours = one[name], other[name]
        assert mine.dims == yours.dims, name
        if mine.dtype.kind in "fiu":
            assert mine.dtype == yours.dtype, name
            assert mine.values.tobytes() == yours.values.tobytes(), name
        else:
            assert mine.values.tolist() == yours.values.tolist(), name
        assert set(mine.attrs) == set(yours.attrs), name
        for key, value in mine.attrs.items():
            np.testing.assert_array_equal(value, yours.attrs[key])
    assert {k: v for k, v in one.attrs.items() if k != "format"} == other.attrs


@pytest.mark.parametrize("compression", [0, 4])
def test_the_file_is_the_simulation_bit_for_bit(tmp_path: Path, compression: int) -> None:
    path = write_blocks(blocks(50, 8), tmp_path / "run.nc", compression=compression)
    require_bits(opened(path), whole(50))
    assert stored_draws(path) == 50
    with h5netcdf.File(path, "r") as file:
        assert file.dimensions["draw"].isunlimited()
        assert file.variables["X"].compression == ("gzip" if compression else None)


def test_failed_runs_are_kept(tmp_path: Path) -> None:
    model = explosive()
    parts = simulate_blocks(model, BLOWN_UP, prior_blocks(model, 12, seed=1, size=5), threads=1)
    found = opened(write_blocks(parts, tmp_path / "run.nc"))
    require_bits(found, simulate(model, BLOWN_UP, draw_prior(model, 12, seed=1), threads=1))
    assert 0 < int((found["status"] != 0).sum()) < 12


def test_appending_goes_on_where_the_file_ends(tmp_path: Path) -> None:
    path = write_blocks(blocks(10, 4), tmp_path / "run.nc")
    write_blocks(blocks(11, 4, start=stored_draws(path)), path, append=True)
    require_bits(opened(path), whole(21))
    write_blocks([], path, append=True)
    assert stored_draws(path) == 21


def test_appending_begins_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert stored_draws(tmp_path / "run.nc") == 0
    assert stored_draws(write_blocks(blocks(3, 3), tmp_path / "run.nc", append=True)) == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_interrupt_between_blocks_loses_only_what_is_to_come(tmp_path: Path, error: type[BaseException]) -> None:
    def stopping():
        yield from blocks(8, 4)
        raise error

    with pytest.raises(error):
        write_blocks(stopping(), tmp_path / "run.nc")
    require_bits(opened(tmp_path / "run.nc"), whole(8))


@pytest.mark.parametrize("name", ["X", "status", "draw"])
def test_an_interrupt_within_a_block_takes_it_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = write_blocks(blocks(8, 4), tmp_path / "run.nc")
    real = h5netcdf.Variable.__setitem__

    def interrupted(self, key, value):
        real(self, key, value)
        if self.name.endswith(f"/{name}"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(h5netcdf.Variable, "__setitem__", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_blocks(blocks(5, 5, start=8), path, append=True)
    require_bits(opened(path), whole(8))
    write_blocks(blocks(5, 5, start=8), path, append=True)
    require_bits(opened(path), whole(13))


def test_an_interrupt_within_the_first_block_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(xr.Dataset, "to_netcdf", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_blocks(blocks(4, 4), tmp_path / "run.nc")
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from hepatica.streaming import write_blocks
from tests.streaming.cases import blocks
def until():
    yield from blocks(8, 4)
    os.kill(os.getpid(), signal.SIGKILL)
write_blocks(until(), sys.argv[1])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_process_leaves_what_it_wrote(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "run.nc")], cwd=root, check=False)
    assert done.returncode == -9
    require_bits(opened(tmp_path / "run.nc"), whole(8))


def test_a_file_is_read_block_by_block(tmp_path: Path) -> None:
    path = write_blocks(blocks(10, 4), tmp_path / "run.nc")
    parts = list(read_blocks(path, size=3))
    assert [p.sizes["draw"] for p in parts] == [3, 3, 3, 1]
    require_bits(parts[1], whole(10).isel(draw=slice(3, 6)))
    with pytest.raises(InputError, match="a block has 0 draws"):
        next(read_blocks(path, size=0))
    with pytest.raises(StorageError, match="there is no file"):
        next(read_blocks(tmp_path / "nothing.nc"))


def test_what_does_not_belong_is_refused(tmp_path: Path) -> None:
    path = write_blocks(blocks(6, 3), tmp_path / "run.nc")
    with pytest.raises(InputError, match=r"run.nc' exists; append to it, remove it, or give another name"):
        write_blocks(blocks(3, 3), path)
    with pytest.raises(InputError, match=r"the block begins with draw 5, but .* has draws up to 5; give later ones"):
        write_blocks(blocks(3, 3, start=5), path, append=True)
    with pytest.raises(InputError, match=r"the block has seed 4, .* 3; append blocks of the same simulation"):
        write_blocks(blocks(3, 3, start=6, seed=4), path, append=True)
    later = blocks(3, 3, start=6)[0]
    with pytest.raises(InputError, match=r"the block and .* do not both have 'X'; append what reads the same"):
        write_blocks([later.drop_vars("X")], path, append=True)
    with pytest.raises(InputError, match=r"the block has another 'time' than"):
        write_blocks([later.assign_coords(time=later["time"] + 1.0)], path, append=True)
    with pytest.raises(InputError, match=r"the block has another 'arm' than"):
        write_blocks([later.assign_coords(arm=["control", "other"])], path, append=True)
    assert stored_draws(path) == 6
    with pytest.raises(InputError, match="there is no block to write"):
        write_blocks([], tmp_path / "none.nc")
    with pytest.raises(InputError, match="the compression is 10; expected 0"):
        write_blocks(blocks(3, 3), tmp_path / "none.nc", compression=10)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.nc").write_text("no")
    with pytest.raises(FormatError, match="not a netCDF-4 file"):
        stored_draws(tmp_path / "text.nc")
    xr.Dataset({"a": ("draw", [1.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(FormatError, match="not a simulation; expected a file that write_blocks wrote"):
        write_blocks(blocks(3, 3), tmp_path / "other.nc", append=True)
    with pytest.raises(StorageError, match="could not be opened"):
        stored_draws(tmp_path)
    with pytest.raises(StorageError, match="could not be written to"):
        write_blocks(blocks(3, 3), tmp_path / "no" / "run.nc")
