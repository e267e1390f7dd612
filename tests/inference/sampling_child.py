"""A process that samples, and that a test kills: ``python sampling_child.py FOLDER``; it reports through its standard output."""

import sys
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from hepatica.inference import Journal, sample, sample_header
from tests.inference.problems import decaying

PARTICLES = 40


def run(folder, progress=None):
    """The bits of a run."""
    problem = decaying(sigma=None)
    with Journal.open(
        folder, sample_header(problem, particles=PARTICLES), resume=True, rows=8, interval=0.02
    ) as journal:
        tree = sample(problem, draws=80, chains=2, particles=PARTICLES, journal=journal, progress=progress)
    groups = (tree[g].to_dataset() for g in ("posterior", "sample_stats", "tempering", "log_likelihood"))
    return sha256(b"".join(v.values.tobytes() for g in groups for v in g.data_vars.values())).hexdigest()


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    say("result", run(sys.argv[1], lambda done, of: say("done", done, of)))
