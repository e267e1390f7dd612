"""Simulations as text that spreadsheets and R read."""

from collections.abc import Iterable
from typing import TextIO

import xarray as xr


def write_table(blocks: Iterable[xr.Dataset], out: TextIO) -> None:
    """Write the blocks of a simulation as comma-separated values, one row for each arm, draw and time.

    Parameters
    ----------
    blocks
        Simulations that differ in their draws only.
    out
        Where the text goes. Columns: arm, draw, time, then the observables in full precision; empty where a run failed.

    Examples
    --------
    >>> import sys, hepatica as hp
    >>> model = hp.read_antimony(text="A = 8; A' = -A/2; R := 2*A")
    >>> course = hp.Experiment(id="course", arms=(hp.Arm(id="control"),), assay=hp.TimeCourse(at=(0,)), equilibrate=False)
    >>> write_table([hp.simulate(model, course)], sys.stdout)
    arm,draw,time,A,R
    control,0,0.0,8.0,16.0
    """
    header = True
    for block in blocks:
        names = [n for n, v in block.data_vars.items() if v.dims == ("arm", "draw", "time")]
        frame = block[names].to_dataframe(dim_order=["arm", "draw", "time"])[names]
        frame.to_csv(out, header=header)
        header = False
