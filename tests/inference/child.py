"""A process that a test runs, and may kill: ``python child.py TASK FOLDER ...``; it reports through its standard output."""

import os
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
from scipy.optimize import minimize, rosen, rosen_der

import hepatica
from hepatica.errors import HepaticaError

if __name__ == "__main__":
    # only the modules of the journal: the whole room takes a second to load, in more than twenty processes
    room = ModuleType("hepatica.inference")
    room.__path__ = [str(Path(hepatica.__file__).parent / "inference")]
    sys.modules[room.__name__] = room

from hepatica.inference.journal import Journal
from hepatica.inference.replay import Replay

HEADER = {"problem": "rosenbrock", "seed": "1"}
STARTS, SIZE = 16, 8
ROWS, INTERVAL = 16, 0.02


def say(*words):
    sys.stdout.write(" ".join(str(w) for w in words) + "\n")
    sys.stdout.flush()


def evaluate(x):
    return {"value": np.array(rosen(x)), "gradient": rosen_der(x)}


def optimise(journal, starts=STARTS, report=lambda replay: None):
    """Minimise from several starts; give x of every start, shape (start, parameter), as it came out bit for bit."""
    rng = np.random.default_rng(1)
    found = []
    for start in range(starts):
        replay = Replay(journal, f"start {start}")

        def objective(x, replay=replay):
            new = replay.calls >= replay.recorded
            result = replay.call(x, evaluate)
            if new:
                report(replay)
            return float(result["value"]), result["gradient"]

        x0 = rng.uniform(-2, 2, SIZE)
        found.append(minimize(objective, x0, jac=True, method="L-BFGS-B", options={"maxiter": 60}).x)
    return np.array(found)


def run(folder, most="inf"):
    """Say after each new evaluation how many this life has made and how many of them wait; at the end, the result.

    After ``most`` new evaluations it waits for ever, so that the run cannot end before it is killed.
    """
    made = 0

    def report(_replay):
        nonlocal made
        made += 1
        say("made", made, journal.pending)
        if made >= float(most):
            sys.stdin.readline()

    say("opening")
    with Journal.open(folder, HEADER, resume=True, rows=ROWS, interval=INTERVAL) as journal:
        say("open")
        found = optimise(journal, report=report)
    say("result", found.tobytes().hex())


def full(folder, limit):
    """Fill a disk: no file may grow beyond the limit; then make room within the same process and go on."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    with Journal.open(folder, HEADER, resume=True, rows=ROWS) as journal:
        try:
            optimise(journal)
        except HepaticaError as error:
            say("error", error)
        else:
            say("the limit was never met")
        say("waiting", journal.pending)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        journal.flush()
        say("waiting", journal.pending)


def fill(folder):
    """Run on a small disk until it is full; it stays full."""
    try:
        with Journal.open(folder, HEADER, resume=True, rows=ROWS) as journal:
            optimise(journal)
    except HepaticaError as error:
        say("error", error)


def hold(folder):
    """Write one entry, say so, and keep the journal open until the end of standard input."""
    with Journal.open(folder, HEADER, resume=True) as journal:
        journal.append("a", journal.count("a"), {"x": np.arange(3.0)})
        journal.flush()
        say("holding", os.getpid())
        for line in sys.stdin:
            journal.append("a", journal.count("a"), {"x": np.arange(float(line))})
            journal.flush()
            say("written")


def fork(folder):
    """Fork a process that outlives this one, and wait to be killed."""
    with Journal.open(folder, HEADER) as journal:
        journal.append("a", 0, {"x": np.arange(3.0)})
        child = os.fork()
        if not child:
            try:
                journal.append("a", 1, {"x": np.arange(3.0)})
            except HepaticaError as error:
                say("refused", error)
            journal.close()  # the parent's: nothing happens
            say("child", os.getpid())
            time.sleep(600)
            os._exit(0)
        os.waitpid(child, 0)


def nobody(folder):
    """Open as a user who may not write there."""
    if not os.getuid():
        os.setuid(65534)
    assert not os.access(folder, os.W_OK)
    for attempt in (
        lambda: Journal.open(folder, HEADER, resume=True),
        lambda: Journal.open(Path(folder) / "new", HEADER),
    ):
        try:
            attempt()
        except HepaticaError as error:
            say(type(error).__name__, error)
    with Journal.read(folder) as journal:
        say("count", journal.count("a"), journal.entry("a", 0)["x"].sum())


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
