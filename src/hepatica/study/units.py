"""Work units: one experiment, one cell line, one block of draws; simulated, read, kept, and put together."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from hepatica.assays import fit_dose_response
from hepatica.ensemble import Ensemble
from hepatica.experiment import CellLine
from hepatica.model import Model
from hepatica.simulation import simulate
from hepatica.study.plan import Study, StudyExperiment

FITS = ("ic50", "gr50", "emax", "hill", "auc")
Readings = dict[str, xr.DataArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One piece of work: an experiment in one cell line with the accepted draws ``start`` to ``stop``."""

    experiment: StudyExperiment
    cell_line: str
    start: int
    stop: int

    @property
    def id(self) -> str:
        """Name of its file."""
        return f"{self.experiment.id}-{self.cell_line}-{self.start:06d}"

    @property
    def runs(self) -> int:
        """Number of trajectories."""
        return len(self.experiment.arms) * (self.stop - self.start)


def plan_units(study: Study, accepted: int) -> tuple[Unit, ...]:
    """Give every unit of a study, in order, for so many accepted draws."""
    return tuple(_units(study, accepted))


def _units(study: Study, accepted: int) -> Iterator[Unit]:
    for experiment in study.experiments:
        draws = min(experiment.draws or accepted, accepted)
        for cell_line in experiment.cell_lines:
            for start in range(0, draws, study.block):
                yield Unit(
                    experiment=experiment, cell_line=cell_line, start=start, stop=min(start + study.block, draws)
                )


def with_levels(ensemble: Ensemble, levels: xr.DataArray) -> Ensemble:
    """Add the clamp levels as columns of an ensemble, draw by draw.

    Parameters
    ----------
    ensemble
        Draws.
    levels
        Dimensions draw, parameter; the same draws.
    """
    draws = ensemble.draws
    kept = [i for i, name in enumerate(ensemble.parameters) if name not in set(levels["parameter"].values.tolist())]
    values = np.concatenate([draws.values[:, kept], levels.sel(draw=draws["draw"]).values], axis=1)
    names = [*(ensemble.parameters[i] for i in kept), *levels["parameter"].values.tolist()]
    array = xr.DataArray(values, coords={"draw": draws["draw"].values, "parameter": names}, dims=("draw", "parameter"))
    return Ensemble(draws=array, weights=ensemble.weights, origin=ensemble.origin, seed=ensemble.seed)


def run_unit(
    model: Model, unit: Unit, line: CellLine, ensemble: Ensemble, threads: int | None
) -> tuple[Readings, xr.DataArray]:
    """Simulate and read one unit.

    Parameters
    ----------
    model, line
        What is simulated.
    unit
        The experiment.
    ensemble
        The unit's own draws, with clamp levels where the experiment is clamped.
    threads
        As for :func:`simulate`.

    Returns
    -------
    readings : dict
        Name -> readout, dimensions arm (or group of a dose series), draw, and what the assay adds.
    status : xarray.DataArray
        Dimensions arm, draw.
    """
    experiment = unit.experiment
    simulation = simulate(model, experiment.experiment(line), ensemble, threads=threads)
    readings = experiment.panel.read_all(simulation)
    if experiment.fit:
        fits = fit_dose_response(readings["viability"], readings.get("gr"), dose=experiment.fit)
        readings |= {name: fits[name] for name in FITS if name in fits}
    return readings, simulation["status"]


def pack(readings: Mapping[str, xr.DataArray], status: xr.DataArray) -> xr.Dataset:
    """Put readings with different arms and times into one dataset.

    Parameters
    ----------
    readings, status
        From :func:`run_unit`.

    Returns
    -------
    xarray.Dataset
        The numbers of the reading x with its dimensions renamed (``arm`` to ``x.arm``); all labels as JSON in
        ``labels``, which is many times faster to keep than one variable for each.
    """
    labels: dict[str, object] = {}
    variables: dict[str, object] = {}
    for name, array in {**readings, "status": status}.items():
        coords = {str(k): [list(map(str, c.dims)), c.values.tolist(), dict(c.attrs)] for k, c in array.coords.items()}
        attrs = {k: v for k, v in array.attrs.items() if isinstance(v, str | int | float)}
        labels[name] = {"dims": list(map(str, array.dims)), "coords": coords, "attrs": attrs}
        variables[name] = ([f"{name}.{d}" for d in array.dims], array.values)
    return xr.Dataset(variables | {"labels": ((), json.dumps(labels))})


def unpack(dataset: xr.Dataset) -> tuple[Readings, xr.DataArray]:
    """Give the readings and the status that :func:`pack` put together."""
    labels = json.loads(str(dataset["labels"].values))
    arrays = {
        name: xr.DataArray(
            dataset[name].values,
            dims=label["dims"],
            coords={k: (dims, np.asarray(values), attrs) for k, (dims, values, attrs) in label["coords"].items()},
            name=name,
            attrs=label["attrs"],
        )
        for name, label in labels.items()
    }
    return arrays, arrays.pop("status")


def join_blocks(blocks: Sequence[Mapping[str, xr.DataArray]]) -> Readings:
    """Put the blocks of one experiment and cell line together along draw."""
    return {
        name: xr.concat(
            [block[name] for block in blocks], dim="draw", coords="minimal", compat="override", join="override"
        )
        for name in blocks[0]
    }


def join_lines(lines: Mapping[str, Mapping[str, xr.DataArray]]) -> Readings:
    """Put the cell lines of one experiment together: dimensions cell_line, arm, draw, then the rest."""
    out = {}
    for name, first in next(iter(lines.values())).items():
        parts = [readings[name].transpose("arm", "draw", ...) for readings in lines.values()]
        array = xr.DataArray(
            np.stack([part.values for part in parts]),
            dims=("cell_line", *parts[0].dims),
            coords={"cell_line": list(lines)} | {k: c for k, c in parts[0].coords.items() if k != "cell_line"},
            name=name,
            attrs={k: v for k, v in first.attrs.items() if k != "cell_line"},
        )
        out[name] = array
    return out
