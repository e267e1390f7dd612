"""Time and memory of an ensemble that streams to a file, or to reductions.

    python benchmarks/streaming.py --model small --draws 1000000 --to file --out run.nc
    python benchmarks/streaming.py --model hcc --draws 100000 --to summary

``small`` is a chain of three states with a stiff step, read at 11 times; ``hcc`` the library's model, HepG2 under
sorafenib, all 77 states at 11 times over 72 h. One thread unless ``--threads`` says otherwise. Prints one line: draws,
failed runs, seconds (and of them CPU), trajectories/s, peak resident memory, size of the file.
"""

import argparse
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr

import hepatica as hp
from hepatica.model import Apply, Compartment, Expression, Number, Parameter, Prior, Reaction, Species, Symbol

PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in which ru_maxrss counts


def times(*factors: str) -> Expression:
    """Multiply."""
    return Apply("*", tuple(Symbol(f) for f in factors))


def small() -> tuple[hp.Model, hp.Experiment]:
    """A -> B <-> C with a binding that is a thousand times faster than the rest."""
    rates = {"make": 0.1, "bind": 10.0, "loose": 20.0, "lose": 0.01}
    prior = {k: Prior(distribution="log-normal", arguments=(float(np.log(v)), 0.5)) for k, v in rates.items()}
    model = hp.Model(
        id="small",
        compartments=(Compartment(id="c"),),
        species=tuple(Species(id=s, compartment="c", initial=v) for s, v in (("A", 1.0), ("B", 0.0), ("C", 0.0))),
        parameters=tuple(Parameter(id=k, value=v, prior=prior[k]) for k, v in rates.items()),
        reactions=(
            Reaction(id="r1", reactants=(("A", 1),), products=(("B", 1),), rate=times("c", "make", "A")),
            Reaction(id="r2", reactants=(("B", 2),), products=(("C", 1),), rate=times("c", "bind", "B", "B")),
            Reaction(id="r3", reactants=(("C", 1),), products=(("B", 2),), rate=times("c", "loose", "C")),
            Reaction(
                id="r4", reactants=(("C", 1),), products=(), rate=Apply("*", (Number(1.0), times("c", "lose", "C")))
            ),
        ),
    )
    reading = hp.TimeCourse(of=("A", "B", "C"), at=tuple(np.linspace(0.0, 100.0, 11)))
    return model, hp.Experiment(id="small", arms=(hp.Arm(id="a"),), assay=reading, equilibrate=False)


def hcc() -> tuple[hp.Model, hp.Experiment]:
    """The library's model under sorafenib."""
    model = hp.load_model("hcc")
    states = hp.compile_model(model, []).states
    arm = hp.Arm(id="sorafenib", interventions=(hp.load_drug("sorafenib").bath("5 uM"),))
    reading = hp.TimeCourse(of=tuple(states), at=tuple(np.linspace(0.0, 4320.0, 11)))
    return model, hp.Experiment(id="hcc", arms=(arm,), assay=reading, cell_line=hp.load_cell_line("HepG2"))


def counted(blocks: Iterator[xr.Dataset], tally: list[int]) -> Iterator[xr.Dataset]:
    """Count draws and failed runs on their way."""
    for block in blocks:
        tally[0] += block.sizes["draw"]
        tally[1] += int((block["status"] != hp.Status.OK).sum())
        yield block


def main() -> None:
    """Run what the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=("small", "hcc"), default="small")
    parser.add_argument("--draws", type=int, default=1_000_000)
    parser.add_argument("--block", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--compression", type=int, default=0)
    parser.add_argument("--to", choices=("file", "summary"), default="file")
    parser.add_argument("--out", type=Path, default=Path("streaming.nc"))
    options = parser.parse_args()
    model, experiment = {"small": small, "hcc": hcc}[options.model]()
    tally, begin = [0, 0], time.perf_counter()
    ensembles = hp.prior_blocks(model, options.draws, seed=1, size=options.block)
    blocks = counted(hp.simulate_blocks(model, experiment, ensembles, threads=options.threads), tally)
    if options.to == "file":
        hp.write_blocks(blocks, options.out, compression=options.compression)
        what = f"file {options.out.stat().st_size / 2**20:.0f} MiB"
    else:
        found = hp.reduce_blocks(blocks)
        what = f"quantiles from {found.attrs['quantile_draws']} draws"
    seconds, busy = time.perf_counter() - begin, time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT / 2**20
    print(
        f"{options.model}: {tally[0]} draws, {tally[1]} failed, {seconds:.1f} s ({busy:.1f} s of CPU), "
        f"{tally[0] / seconds:.0f} trajectories/s, peak {peak:.0f} MiB, {what}"
    )


if __name__ == "__main__":
    main()
