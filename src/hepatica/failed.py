"""What failed in a simulation, in words."""

import numpy as np
import xarray as xr

from hepatica.errors import InputError
from hepatica.solver.status import Status


def failures(simulation: xr.Dataset) -> tuple[str, ...]:
    """Give one sentence for each run that did not complete: which, when, why, and the state that stopped it.

    Parameters
    ----------
    simulation
        What :func:`~hepatica.simulation.simulate` gave, with ``status``, ``stopped`` and ``culprit`` (arm, draw).

    Returns
    -------
    tuple of str
        In the order of arms, then draws; empty when all runs completed. A long list of draws makes a long list.

    Raises
    ------
    InputError
        When the dataset is no simulation.

    Examples
    --------
    >>> import hepatica as hp
    >>> experiment = hp.Experiment(id="rest", arms=(hp.Arm(id="control"),), assay=hp.DoseResponse(),
    ...                            cell_line=hp.load_cell_line("HepG2"))
    >>> failures(hp.simulate(hp.load_model("hcc"), experiment))
    ()
    """
    missing = [name for name in ("status", "stopped", "culprit") if name not in simulation]
    if missing:
        raise InputError(f"the dataset has no '{missing[0]}'; expected a simulation.")
    kept = simulation[["status", "stopped", "culprit"]].transpose("arm", "draw")
    status, stopped, culprit = (kept[name].values for name in ("status", "stopped", "culprit"))
    states = str(kept["culprit"].attrs["flag_meanings"]).split(" ")
    unit = kept["stopped"].attrs.get("units", "")
    return tuple(
        f"arm '{kept['arm'].values[a]}', draw {kept['draw'].values[d]} "
        + _sentence(Status(int(status[a, d])), float(stopped[a, d]), unit, _name(states, int(culprit[a, d])))
        for a, d in np.argwhere(status != Status.OK)
    )


def _name(states: list[str], culprit: int) -> str:
    return states[culprit] if culprit >= 0 else ""


def _sentence(status: Status, stopped: float, unit: str, state: str) -> str:
    head, _, reason = status.sentence.partition(": ")
    when = f" at {stopped:.4g} {unit}".rstrip() if np.isfinite(stopped) and head == "stopped" else ""
    if not state:
        blame = ""
    elif status is Status.NOT_FINITE:
        blame = f"; it was {state}"
    else:
        blame = f"; the largest error was in {state}"
    verb = head if head == "stopped" else "was not started"
    return f"{verb}{when}: {reason}{blame}"
