"""Ensembles: parameter sets as a labelled array, and how they are drawn from a model's priors.

Random numbers come from the counter-based generator Philox4x64-10 (Salmon et al. 2011, SC '11,
doi 10.1145/2063384.2063405). Each parameter owns the stream keyed by (seed, parameter id) and draw ``i`` takes the word
at position ``i`` of it. A draw therefore depends on nothing but the seed and its own index: not on how many draws are
made, in which order or in how many pieces, nor on which other parameters the model has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from hepatica.ensemble.wiring import Wiring
from hepatica.errors import FormatError, InputError, NotFoundError, StorageError, did_you_mean
from hepatica.model import Model, Parameter, Prior

Origin = Literal["prior", "posterior", "nominal", "around"]
DOUBTS = "doubts"
"""Attribute of draws: reasons not to rely on them, one in each line."""
CHAIN = "chain"
"""Coordinate of a posterior's draws: the Markov chain that each is of."""
LEFT_OUT = "left_out"
"""Coordinate of draws that were fitted without a data set: its name."""
PRIOR_SD = "prior_sd"
"""Coordinate of a posterior's parameters: standard deviation before the data, of the logarithm where that was estimated; else NaN."""
_ATTEMPTS = 200  # redraws before bounds and prior are declared to contradict each other


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ensemble:
    """Parameter sets.

    Parameters
    ----------
    draws
        Values in the model's units, dimensions (draw, parameter), with draw indices and parameter ids as coordinates.
    weights
        Weight of each draw, shape (draw,), not negative; ``None`` means that all count alike.
    origin
        Whether the draws come from the prior, from a fit, are the nominal values, or scatter around these.
    seed
        Seed that the draws came from.

    Raises
    ------
    InputError
        When the dimensions or coordinates are not as said, a value is not finite, or the weights do not fit.
    """

    draws: xr.DataArray
    weights: NDArray[np.float64] | None = None
    origin: Origin
    seed: int

    def __post_init__(self) -> None:
        if self.origin not in get_args(Origin):
            raise InputError(f"the origin '{self.origin}' is none of {', '.join(get_args(Origin))}.")
        if self.draws.dims != ("draw", "parameter"):
            raise InputError(f"an ensemble has dimensions (draw, parameter); these draws have {self.draws.dims}.")
        for dim in ("draw", "parameter"):
            if dim not in self.draws.coords:
                raise InputError(f"the draws have no '{dim}' coordinate; give the {dim}s' names along '{dim}'.")
            if not self.draws.get_index(dim).is_unique:
                raise InputError(f"the draws name a {dim} twice; each may stand once.")
        if self.draws.sizes["draw"] == 0:
            raise InputError("the ensemble has no draws; give at least one.")
        values = np.array(self.draws.values, dtype=np.float64)
        if not np.isfinite(values).all():
            row, column = (int(k) for k in np.argwhere(~np.isfinite(values))[0])
            draw, name = self.draws["draw"].values[row], self.draws["parameter"].values[column]
            raise InputError(f"draw {draw} of parameter '{name}' is {values[row, column]}; expected finite numbers.")
        values.setflags(write=False)
        object.__setattr__(self, "draws", self.draws.copy(data=values))
        if self.weights is not None:
            object.__setattr__(self, "weights", _checked_weights(self.weights, self.size))

    @property
    def size(self) -> int:
        """Number of draws."""
        return int(self.draws.sizes["draw"])

    @property
    def parameters(self) -> tuple[str, ...]:
        """Ids of the drawn parameters, in the order of the columns."""
        return tuple(str(p) for p in self.draws["parameter"].values)

    @property
    def chains(self) -> xr.DataArray | None:
        """The Markov chain that each draw is of, dimension draw; ``None`` where draws are independent."""
        found = self.draws.coords.get(CHAIN)
        return None if found is None else found.reset_coords(drop=True)

    def select(self, which: ArrayLike) -> "Ensemble":
        """Give the ensemble of some draws.

        Parameters
        ----------
        which
            Positions, or truth values, along ``draw``. The draws keep their indices.

        Examples
        --------
        >>> ensemble = Ensemble(draws=xr.DataArray([[1.0], [2.0]], coords={"draw": [0, 1], "parameter": ["k"]}),
        ...                     origin="prior", seed=1)
        >>> ensemble.select([False, True]).draws.values
        array([[2.]])
        """
        index = np.asarray(which)
        weights = None if self.weights is None else self.weights[index]
        return Ensemble(draws=self.draws[index], weights=weights, origin=self.origin, seed=self.seed)

    def in_line(self, cell_line: str) -> "Ensemble":
        """Give the ensemble of one cell line: what is drawn for it by itself stands for what all lines share.

        Parameters
        ----------
        cell_line
            Its id. A column ``IGF1R_level[Huh7]`` is drawn for Huh7 by itself; other lines' columns are left out.

        Examples
        --------
        >>> columns = {"draw": [0], "parameter": ["k", "k[Huh7]"]}
        >>> ensemble = Ensemble(draws=xr.DataArray([[1.0, 2.0]], coords=columns), origin="posterior", seed=1)
        >>> ensemble.in_line("Huh7").draws.to_pandas().to_dict("list")
        {'k': [2.0]}
        >>> ensemble.in_line("HepG2").draws.to_pandas().to_dict("list")
        {'k': [1.0]}
        """
        own = {n: k for k, n in enumerate(self.parameters) if n.endswith("]")}
        if not own:
            return self
        source = {n: k for k, n in enumerate(self.parameters) if n not in own}
        source |= {n.split("[")[0]: k for n, k in own.items() if n == own_name(n.split("[")[0], cell_line)}
        draws = self.draws[:, list(source.values())].assign_coords(parameter=np.array(list(source), dtype=np.str_))
        return Ensemble(draws=draws, weights=self.weights, origin=self.origin, seed=self.seed)

    def own(self, cell_line: str) -> tuple[str, ...]:
        """Give the parameters that are drawn for a cell line by itself."""
        return tuple(n.split("[")[0] for n in self.parameters if n.endswith(f"[{cell_line}]"))


def own_name(parameter: str, cell_line: str) -> str:
    """Give the name of the column of a parameter that is drawn for one cell line by itself."""
    return f"{parameter}[{cell_line}]"


def _checked_weights(weights: ArrayLike, size: int) -> NDArray[np.float64]:
    given = np.array(weights, dtype=np.float64)
    if given.shape != (size,):
        raise InputError(f"the weights have shape {given.shape}; expected ({size},), one for each draw.")
    if not (np.isfinite(given).all() and (given >= 0).all() and given.sum() > 0):
        raise InputError("the weights must be finite, not negative, and not all zero.")
    given.setflags(write=False)
    return given


def draw_prior(model: Model, draws: int, *, seed: int, start: int = 0, wirings: Sequence[Wiring] = ()) -> Ensemble:
    """Draw parameter sets from the priors of a model.

    Parameters
    ----------
    model
        Its parameters with a prior are drawn; a draw outside a parameter's bounds is made again.
    draws
        How many.
    seed
        0 to 2**64 - 1; with it, draw ``i`` is always the same.
    start
        Index of the first draw: ``draw_prior(m, 5, seed=1, start=10)`` gives draws 10 to 14.
    wirings
        Switches of the model, each set to 1 with its probability.

    Returns
    -------
    Ensemble
        Columns: parameters in the order of the model, then wirings.

    Raises
    ------
    InputError
        When a count or the seed is out of range, nothing is uncertain, or bounds leave nothing of a prior.
    NotFoundError
        When a wiring's switch is not a parameter of the model.
    """
    _check_counts(draws, seed, start)
    known = {p.id for p in model.parameters}
    switches = [w.parameter for w in wirings]
    for switch in switches:
        if switch not in known:
            raise NotFoundError(f"model '{model.id}' has no switch '{switch}'.{did_you_mean(switch, known)}")
    uncertain = [(p, p.prior) for p in model.parameters if p.prior is not None and p.id not in switches]
    if not uncertain and not wirings:
        raise InputError(
            f"model '{model.id}' has no parameter with a prior; give it priors, or use its nominal values."
        )
    values = np.empty((draws, len(uncertain) + len(switches)))
    for column, (parameter, prior) in enumerate(uncertain):
        values[:, column] = _truncated(parameter, prior, seed, start, draws)
    for column, wiring in enumerate(wirings, start=len(uncertain)):
        values[:, column] = _uniform(seed, wiring.parameter, 0, start, draws) < wiring.probability
    return Ensemble(
        draws=_array(values, np.arange(start, start + draws), [p.id for p, _ in uncertain] + switches, model),
        origin="prior",
        seed=seed,
    )


def draw_around(
    model: Model, draws: int, *, sigma: float = 0.5, seed: int, start: int = 0, parameters: Sequence[str] = ()
) -> Ensemble:
    """Draw parameter sets around the values of a model that has no priors: each log-normal with its value as median.

    Parameters
    ----------
    model
        Any model.
    draws, seed, start
        As for :func:`draw_prior`.
    sigma
        Standard deviation of the natural logarithm; 0.5 is a factor of 1.65.
    parameters
        What is drawn; all constant parameters above zero, those of single reactions too, when empty. Others keep their values.

    Returns
    -------
    Ensemble
        Columns in the order of the model.

    Raises
    ------
    InputError
        When a count, the seed or sigma is out of range, or there is nothing to draw.
    NotFoundError
        When the model has no such parameter.
    """
    _check_counts(draws, seed, start)
    if not (np.isfinite(sigma) and sigma > 0):
        raise InputError(f"sigma is {sigma}; expected a finite number above zero.")
    computed = {r.variable for r in model.rules} | {a.symbol for a in model.initial_assignments}
    free = {p.id: p.value for p in model.parameters if p.constant and p.id not in computed and p.value > 0}
    for name in parameters:
        if name not in free:
            raise NotFoundError(
                f"'{name}' is no constant parameter above zero of model '{model.id}'.{did_you_mean(name, free)}"
            )
    names = [n for n in free if not parameters or n in parameters]
    if not names:
        raise InputError(f"model '{model.id}' has no constant parameter above zero; there is nothing to draw.")
    values = np.column_stack([free[n] * np.exp(sigma * ndtri(_uniform(seed, n, 0, start, draws))) for n in names])
    return Ensemble(draws=_array(values, np.arange(start, start + draws), names, model), origin="around", seed=seed)


def _check_counts(draws: int, seed: int, start: int) -> None:
    if draws < 1:
        raise InputError(f"{draws} draws were asked for; expected at least one.")
    if start < 0:
        raise InputError(f"the first draw is {start}; expected zero or more.")
    if not 0 <= seed < 2**64:
        raise InputError(f"the seed is {seed}; expected a whole number from 0 to 2**64 - 1.")


def nominal(model: Model) -> Ensemble:
    """Give the one-draw ensemble of a model's nominal values.

    Parameters
    ----------
    model
        The columns are its parameters with a prior; none when the model has no priors.
    """
    uncertain = [p for p in model.parameters if p.prior is not None]
    values = np.array([[p.value for p in uncertain]], dtype=np.float64)
    return Ensemble(
        draws=_array(values, np.zeros(1, dtype=np.int64), [p.id for p in uncertain], model), origin="nominal", seed=0
    )


def _array(values: NDArray[np.float64], index: NDArray[np.int64], names: list[str], model: Model) -> xr.DataArray:
    units = {p.id: p.unit for p in model.parameters}
    return xr.DataArray(
        values,
        dims=("draw", "parameter"),
        coords={
            "draw": index,
            "parameter": np.array(names, dtype=np.str_),
            "unit": ("parameter", np.array([units[name] for name in names], dtype=np.str_)),
        },
        name="draws",
        attrs={"model": model.id, "model_digest": model.digest},
    )


def _uniform(seed: int, name: str, attempt: int, start: int, draws: int) -> NDArray[np.float64]:
    """Give the numbers, strictly between 0 and 1, of draws ``start`` to ``start + draws`` in a parameter's stream."""
    text = f"{name}:{attempt}" if attempt else name
    stream = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
    generator = np.random.Philox(key=np.array([seed, stream], dtype=np.uint64))
    generator.advance(start // 4)  # one count of Philox4x64 makes four words
    words = generator.random_raw(start % 4 + draws)[start % 4 :]
    return np.asarray(((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53)


def _truncated(parameter: Parameter, prior: Prior, seed: int, start: int, draws: int) -> NDArray[np.float64]:
    """Draw from the prior, again and again where a value is out of bounds."""
    low, high = parameter.bounds or (-np.inf, np.inf)
    values = np.empty(draws)
    open_draws = np.arange(draws)
    for attempt in range(_ATTEMPTS):
        uniform = _uniform(seed, parameter.id, attempt, start, draws)
        values[open_draws] = _quantile(prior, uniform[open_draws])
        open_draws = open_draws[(values[open_draws] < low) | (values[open_draws] > high)]
        if open_draws.size == 0:
            return values
    raise InputError(
        f"parameter '{parameter.id}': its bounds {low:g} to {high:g} hold almost nothing of its prior "
        f"({prior.distribution} {prior.arguments}); widen the bounds or move the prior."
    )


def _quantile(prior: Prior, probability: NDArray[np.float64]) -> NDArray[np.float64]:
    first, second = prior.arguments
    if prior.distribution == "uniform":
        return first + (second - first) * probability
    value = first + second * np.asarray(ndtri(probability))
    return np.exp(value) if prior.distribution == "log-normal" else value


def write_ensemble(ensemble: Ensemble, path: str | Path) -> Path:
    """Write an ensemble as netCDF.

    Parameters
    ----------
    ensemble
        What to write.
    path
        The file; it appears whole or not at all.

    Raises
    ------
    StorageError
        When the file cannot be written.
    """
    target = Path(path)
    dataset = ensemble.draws.rename("draws").to_dataset()
    if ensemble.weights is not None:
        dataset["weights"] = ("draw", ensemble.weights)
    dataset.attrs = {"origin": ensemble.origin, "seed": str(ensemble.seed), "format": "hepatica ensemble 1"}
    part = target.with_name(target.name + ".part")
    try:
        packed = {"draws": {"zlib": True, "shuffle": True}}
        dataset.to_netcdf(part, engine="h5netcdf", encoding=packed)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StorageError(f"the ensemble could not be written to '{target}': {error.strerror or error}.") from error
    return target


def read_ensemble(path: str | Path) -> Ensemble:
    """Read an ensemble that :func:`write_ensemble` wrote.

    Parameters
    ----------
    path
        The netCDF file.

    Raises
    ------
    StorageError
        When the file cannot be read.
    FormatError
        When it is not an ensemble.
    """
    source = Path(path)
    try:
        with source.open("rb") as handle:
            is_hdf = handle.read(8) == b"\x89HDF\r\n\x1a\n"
        if not is_hdf:
            raise FormatError(f"{source}: not a netCDF-4 file; expected an ensemble that hepatica wrote.")
        with xr.open_dataset(source, engine="h5netcdf") as dataset:
            dataset.load()
    except OSError as error:
        raise StorageError(f"the ensemble '{source}' could not be read: {error.strerror or error}.") from error
    if dataset.attrs.get("format") != "hepatica ensemble 1" or "draws" not in dataset:
        raise FormatError(f"{source}: not an ensemble; expected a file that hepatica wrote as one.")
    draws = dataset["draws"]
    for name in ("parameter", "unit"):
        if name in draws.coords:
            draws = draws.assign_coords({name: ("parameter", draws[name].values.astype(np.str_))})
    weights = dataset["weights"].values if "weights" in dataset else None
    return Ensemble(draws=draws, weights=weights, origin=dataset.attrs["origin"], seed=int(dataset.attrs["seed"]))
