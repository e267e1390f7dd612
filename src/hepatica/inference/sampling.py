"""Sampling from files to files: what ``hepatica fit --sample`` does."""

from pathlib import Path

import xarray as xr

from hepatica.errors import StorageError
from hepatica.inference.journal import Journal
from hepatica.inference.petab import read_petab
from hepatica.inference.places import SAMPLING
from hepatica.inference.predict import predict
from hepatica.inference.sample import Progress, sample, sample_header
from hepatica.inference.space import Choices
from hepatica.solver import Tolerances


def sample_petab(
    file: str | Path, out: str | Path, *, draws: int = 2000, chains: int = 4, particles: int = 256, choices: Choices | None = None,
    seed: int = 1, threads: int = 1, tolerances: Tolerances | None = None, resume: bool = False, progress: Progress | None = None,
) -> xr.DataTree:  # fmt: skip
    """Draw from the posterior of a PEtab problem, keep every evaluation, and write what came out.

    Parameters
    ----------
    file
        The problem's YAML file.
    out
        Folder of the result: ``posterior.nc``, everything as netCDF in ArviZ's groups, and ``sampling``, the journal.
    draws, chains, particles, choices, seed, threads, tolerances, progress
        As for :func:`~hepatica.inference.sample.sample`.
    resume
        Whether a run that was stopped goes on; there may be more draws or chains.

    Returns
    -------
    xarray.DataTree
        As :func:`~hepatica.inference.sample.sample` gives it, with predictions.

    Raises
    ------
    InputError
        When the problem cannot be read or sampled, or the folder holds another run.
    StorageError
        When the result cannot be written.
    """
    problem, folder = read_petab(file), Path(out)
    header = sample_header(problem, seed=seed, particles=particles, choices=choices, tolerances=tolerances)
    with Journal.open(folder / SAMPLING, header, resume=resume) as journal:
        tree = sample(
            problem, draws=draws, chains=chains, particles=particles, choices=choices, seed=seed, threads=threads, tolerances=tolerances,
            journal=journal, progress=progress,
        )  # fmt: skip
    tree = predict(problem, tree, seed=seed, threads=threads, tolerances=tolerances)
    write_tree(tree, folder / "posterior.nc")
    return tree


def write_tree(tree: xr.DataTree, file: str | Path) -> None:
    """Write draws as netCDF, compressed.

    Raises
    ------
    StorageError
        When that fails.
    """
    compressed = {
        f"/{name}": {
            str(v): {"zlib": True, "shuffle": True} for v, array in node.data_vars.items() if array.dtype.kind == "f"
        }
        for name, node in tree.children.items()
    }
    try:
        tree.to_netcdf(file, engine="h5netcdf", encoding=compressed)
    except OSError as error:
        raise StorageError(f"'{file}' cannot be written ({error}).") from error
