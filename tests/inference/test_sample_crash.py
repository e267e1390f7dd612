"""A sampler that is killed, again and again, comes to the same bits."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hepatica.errors import NotFoundError
from hepatica.inference import Journal
from tests.inference import sampling_child

CHILD = Path(sampling_child.__file__)
KILLS = 6


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, str(CHILD), str(folder)], stdout=subprocess.PIPE, text=True)


def recorded(folder: Path) -> int:
    try:
        with Journal.read(folder) as journal:
            return sum(journal.count(s) for s in journal.streams())
    except NotFoundError:
        return 0


def test_a_run_that_is_killed_again_and_again_comes_to_the_same_bits(tmp_path: Path) -> None:
    stages: list[int] = []
    undisturbed = sampling_child.run(tmp_path / "whole", lambda done, _of: stages.append(done))
    chance, kept, killed = random.Random(4), [0], tmp_path / "killed"
    for place in sorted(chance.sample(stages[:-1], KILLS)):
        with start(killed) as running:
            assert running.stdout is not None
            for line in running.stdout:
                if int(line.split()[1]) >= place:
                    break
            time.sleep(chance.uniform(0.0, 0.02))
            running.send_signal(signal.SIGKILL)
            assert "result" not in running.stdout.read()
        kept.append(recorded(killed))
    assert kept == sorted(kept)  # nothing that was committed is lost
    assert kept[-1] > kept[1]
    with start(killed) as running:
        last = (running.stdout or pytest.fail("no output")).read().splitlines()[-1]
    assert last == f"result {undisturbed}"
    assert recorded(killed) == recorded(tmp_path / "whole")
