"""Draws and simulations block by block, so that only one block is in memory at a time."""

from collections.abc import Iterable, Iterator, Sequence

import xarray as xr

from hepatica.compiler import compile_model
from hepatica.ensemble import Ensemble, Wiring, draw_prior
from hepatica.errors import InputError
from hepatica.experiment import Experiment
from hepatica.model import Model
from hepatica.simulation import simulate
from hepatica.solver import Tolerances

BLOCK = 4096  # draws; a block of 77 states at 50 times takes about 130 MB, and as much again while it is made


def prior_blocks(
    model: Model, draws: int, *, seed: int, size: int = BLOCK, start: int = 0, wirings: Sequence[Wiring] = ()
) -> Iterator[Ensemble]:
    """Draw from the priors of a model, block by block; together the blocks are what one call for all draws would give.

    Parameters
    ----------
    model, seed, wirings
        As for :func:`~hepatica.ensemble.draws.draw_prior`.
    draws
        How many in all.
    size
        Draws in a block.
    start
        Index of the first draw; a run that was interrupted goes on from what
        :func:`~hepatica.streaming.store.stored_draws` says, with as many draws fewer.

    Yields
    ------
    Ensemble
        The next ``size`` draws; the last block may have fewer.

    Raises
    ------
    InputError
        When a number is out of range.

    Examples
    --------
    >>> import hepatica as hp
    >>> [block.size for block in hp.prior_blocks(hp.load_model("hcc"), 10, seed=1, size=4)]
    [4, 4, 2]
    """
    if size < 1:
        raise InputError(f"a block has {size} draws; expected at least one.")
    if draws < 1:
        raise InputError(f"{draws} draws were asked for; expected at least one.")
    for first in range(start, start + draws, size):
        yield draw_prior(model, min(size, start + draws - first), seed=seed, start=first, wirings=wirings)


def simulate_blocks(
    model: Model, experiment: Experiment, ensembles: Iterable[Ensemble | None], *,
    threads: int | None = None, tolerances: Tolerances | None = None, observables: Sequence[str] = (),
    times: Sequence[float] = (),
) -> Iterator[xr.Dataset]:  # fmt: skip
    """Simulate ensembles one after the other; the model is compiled once.

    Parameters
    ----------
    model, experiment, threads, tolerances, observables, times
        As for :func:`~hepatica.simulation.simulate`.
    ensembles
        Blocks of one ensemble, such as :func:`prior_blocks` gives; ``None`` stands for the model's own values.

    Yields
    ------
    xarray.Dataset
        The simulation of each block.

    Raises
    ------
    NotFoundError, InputError, UnitError
        As :func:`~hepatica.simulation.simulate`.
    """
    wanted = tuple(dict.fromkeys([*experiment.assay.observables, *observables]))
    kernel = compile_model(model, wanted or None)
    for ensemble in ensembles:
        yield simulate(
            model, experiment, ensemble, threads=threads, tolerances=tolerances, observables=observables, times=times, kernel=kernel
        )  # fmt: skip
