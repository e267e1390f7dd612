"""A simulation in one netCDF file that grows draw by draw.

The first block is written by xarray, which settles names, units and encodings; further blocks are appended along the
unlimited dimension ``draw``. Between two blocks the file is closed, and a block that was interrupted is taken back, so
that the file always holds whole blocks.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np
import xarray as xr

from hepatica.errors import FormatError, InputError, StorageError

CHUNK_BYTES = 1 << 20  # of one variable; smaller chunks cost space and time for their index, larger ones memory
FORMAT = "hepatica simulation 1"


def write_blocks(blocks: Iterable[xr.Dataset], path: str | Path, *, append: bool = False, compression: int = 0) -> Path:
    """Write the blocks of a simulation into one netCDF file.

    ``xarray.open_dataset(path)`` gives the simulation that one call for all draws would have given, bit for bit.

    Parameters
    ----------
    blocks
        Simulations that differ in their draws only, draw indices ascending from block to block.
    path
        The file. It holds whole blocks at any time: an interrupt or an error loses the block at hand, nothing else.
    append
        Whether to go on in a file that exists; without it, a file that exists is an error. A file that does not exist
        is begun in either case.
    compression
        0 (none) to 9; 1 saves about a third of smooth trajectories and makes writing several times slower.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        When there is no block, a block does not belong to the others, or the file exists.
    FormatError
        When the file to go on with is no such file.
    StorageError
        When the file cannot be written.

    Examples
    --------
    >>> import tempfile, hepatica as hp
    >>> hcc = hp.load_model("hcc")
    >>> experiment = hp.Experiment(id="rest", arms=(hp.Arm(id="control"),), assay=hp.DoseResponse(),
    ...                            cell_line=hp.load_cell_line("HepG2"))
    >>> blocks = hp.simulate_blocks(hcc, experiment, hp.prior_blocks(hcc, 6, seed=1, size=4))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stored_draws(write_blocks(blocks, f"{folder}/run.nc"))
    6
    """
    target = Path(path)
    if not 0 <= compression <= 9:
        raise InputError(f"the compression is {compression}; expected 0 (none) to 9.")
    if target.exists() and not append:
        raise InputError(f"'{target}' exists; append to it, remove it, or give another name.")
    rest = iter(blocks)
    try:
        if not target.exists():
            first = next(rest, None)
            if first is None:
                raise InputError("there is no block to write; give at least one.")
            _begin(first, target, compression)
        for block in rest:
            _append(block, target)
    except OSError as error:
        raise StorageError(f"the simulation could not be written to '{target}': {error.strerror or error}.") from error
    return target


def stored_draws(path: str | Path) -> int:
    """Give the number of draws in a file that :func:`write_blocks` wrote; 0 when there is no file.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    FormatError
        When it is no such file.
    StorageError
        When it cannot be read.
    """
    target = Path(path)
    if not target.exists():
        return 0
    with _open(target, "r") as file:
        return int(file.dimensions["draw"].size)


def read_blocks(path: str | Path, *, size: int = 4096) -> Iterator[xr.Dataset]:
    """Read a file that :func:`write_blocks` wrote, block by block.

    Parameters
    ----------
    path
        The file.
    size
        Draws in a block.

    Yields
    ------
    xarray.Dataset
        The next ``size`` draws.

    Raises
    ------
    InputError
        When the size is below one.
    FormatError
        When it is no such file.
    StorageError
        When it cannot be read.
    """
    if size < 1:
        raise InputError(f"a block has {size} draws; expected at least one.")
    total = stored_draws(path)
    if total == 0:
        raise StorageError(f"there is no file '{path}'; give one that write_blocks wrote.")
    with xr.open_dataset(path, engine="h5netcdf") as whole:
        for first in range(0, total, size):
            block = whole.isel(draw=slice(first, first + size)).load()
            block.attrs = {key: value for key, value in block.attrs.items() if key != "format"}
            yield block


def _begin(block: xr.Dataset, target: Path, compression: int) -> None:
    """Write the first block; the file appears whole or not at all."""
    part = target.with_name(target.name + ".part")
    growing = [name for name in block.variables if "draw" in block[name].dims]
    encoding: dict[Any, dict[str, Any]] = {
        name: {"chunksizes": _chunks(block[name])}
        | ({"zlib": True, "complevel": compression, "shuffle": True} if compression else {})
        for name in growing
    }
    try:
        block.assign_attrs(format=FORMAT).to_netcdf(part, engine="h5netcdf", unlimited_dims=["draw"], encoding=encoding)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _chunks(array: xr.DataArray) -> tuple[int, ...]:
    """Give the shape of a chunk: everything but the draws, and of these so many that it has its size."""
    others = [n for d, n in zip(array.dims, array.shape, strict=True) if d != "draw"]
    draws = max(1, CHUNK_BYTES // max(1, array.dtype.itemsize * int(np.prod(others))))
    return tuple(draws if d == "draw" else max(1, n) for d, n in zip(array.dims, array.shape, strict=True))


def _append(block: xr.Dataset, target: Path) -> None:
    with _open(target, "r+") as file:
        before = int(file.dimensions["draw"].size)
        _require_same(block, file, target)
        try:
            file.resize_dimension("draw", before + block.sizes["draw"])
            for name, variable in block.variables.items():
                if "draw" in variable.dims:
                    index = tuple(slice(before, None) if d == "draw" else slice(None) for d in variable.dims)
                    file.variables[str(name)][index] = variable.values
        except BaseException:  # an interrupt above all: take back the part of the block, and pass it on
            file.resize_dimension("draw", before)
            raise


def _open(target: Path, mode: str) -> h5netcdf.File:
    try:
        with target.open("rb") as handle:
            is_hdf = handle.read(8) == b"\x89HDF\r\n\x1a\n"
        if not is_hdf:
            raise FormatError(f"{target}: not a netCDF-4 file; expected a simulation that hepatica wrote.")
        file = h5netcdf.File(target, mode, decode_vlen_strings=True)
    except OSError as error:
        raise StorageError(f"the simulation '{target}' could not be opened: {error.strerror or error}.") from error
    if file.attrs.get("format") != FORMAT:
        file.close()
        raise FormatError(f"{target}: not a simulation; expected a file that write_blocks wrote.")
    return file


def _require_same(block: xr.Dataset, file: h5netcdf.File, target: Path) -> None:
    """Refuse a block that is not of the simulation in a file."""
    missing = sorted({str(n) for n in block.variables} ^ set(file.variables))
    if missing:
        raise InputError(f"the block and '{target}' do not both have '{missing[0]}'; append what reads the same.")
    for name, value in block.attrs.items():
        if file.attrs.get(str(name)) != value:
            stored = file.attrs.get(str(name))
            raise InputError(
                f"the block has {name} {value}, '{target}' {stored}; append blocks of the same simulation."
            )
    for name, variable in block.variables.items():
        if "draw" not in variable.dims and not _equal(variable.values, np.asarray(file.variables[str(name)][...])):
            raise InputError(f"the block has another '{name}' than '{target}'; append blocks of the same simulation.")
    last, first = int(file.variables["draw"][-1]), int(block["draw"].values.min())
    if first <= last:
        raise InputError(f"the block begins with draw {first}, but '{target}' has draws up to {last}; give later ones.")


def _equal(one: Sequence[Any] | np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    mine = np.asarray(one)
    if mine.dtype.kind == "f":
        return bool(np.array_equal(mine, other, equal_nan=True))
    return bool(mine.tolist() == [x.decode() if isinstance(x, bytes) else x for x in other.tolist()])
