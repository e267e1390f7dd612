"""Killed processes, full disks, two writers: each with real processes and files; order comes from pipes, not from waiting."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from hepatica.errors import NotFoundError, StorageError
from hepatica.inference import Journal
from hepatica.inference.packing import pack

from . import child

CHILD = str(Path(__file__).with_name("child.py"))
KILLS = 20
LONGEST = 30  # new evaluations that are waited for before a kill
BEYOND = 10  # evaluations that a process may make on top, between the decision and the kill


@contextmanager
def process(*arguments):
    running = subprocess.Popen(
        [sys.executable, CHILD, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def finish(*arguments):
    done = subprocess.run(
        [sys.executable, CHILD, *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=True, timeout=120
    )
    return done.stdout.splitlines()


def result_of(lines):
    assert lines[-1].startswith("result ")
    return np.frombuffer(bytes.fromhex(lines[-1].split()[1])).reshape(child.STARTS, child.SIZE)


def contents(folder):
    with Journal.read(folder) as journal:
        return {s: [pack(e) for e in journal.entries(s)] for s in journal.streams()}


def total(folder):
    try:
        with Journal.read(folder) as journal:
            return sum(journal.count(s) for s in journal.streams())
    except NotFoundError:  # the run was killed before its first commit
        return 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing disturbed: its result, and what its journal holds."""
    folder = tmp_path_factory.mktemp("whole")
    with Journal.open(folder, child.HEADER) as journal:
        return child.optimise(journal), {s: [pack(e) for e in journal.entries(s)] for s in journal.streams()}


def kill(folder, chance, until, most):
    """Start a run and kill it soon after it has said something; give its new evaluations and how many of them waited."""
    with process("run", folder, most) as running:
        for line in running.stdout:
            if line.startswith(until):
                break
        else:
            raise AssertionError("the run ended before it could be killed")
        time.sleep(chance.uniform(0, 0.03))
        running.send_signal(signal.SIGKILL)
        rest = running.stdout.read()
        assert running.wait() == -signal.SIGKILL
    said = [
        text for text in [line, *rest.splitlines(keepends=True)] if text.startswith("made ") and text.endswith("\n")
    ]
    return tuple(map(int, said[-1].split()[1:])) if said else (0, 0)


def test_a_run_that_is_killed_twenty_times_comes_to_the_same_result(tmp_path, whole):
    found, recorded = whole
    assert sum(map(len, recorded.values())) > KILLS * (LONGEST + BEYOND)  # no life can end before it is killed
    chance = random.Random(4)
    # twice while the journal is opened, once while the evaluations begin, then after some of them
    lives = [("opening", 0), ("opening", 0), ("open\n", 0)]
    lives += [(f"made {k} ", k) for k in (chance.randint(1, LONGEST) for _ in range(KILLS - 3))]
    for until, new in lives:
        before = total(tmp_path)
        made, waiting = kill(tmp_path, chance, until, new + BEYOND)
        after = total(tmp_path)
        assert made >= new
        assert waiting < child.ROWS
        # what had been committed when the last line was written is there; at most one more was made without saying so
        assert before + made - waiting <= after <= before + made + 1
    assert total(tmp_path) > 0
    assert result_of(finish("run", tmp_path)).tobytes() == found.tobytes()
    assert contents(tmp_path) == recorded


def test_a_log_cut_short_costs_its_end_only(tmp_path, whole):
    found, recorded = whole
    kill(tmp_path, random.Random(1), "made 150 ", 160)
    log = tmp_path / "journal.sqlite-wal"
    had = total(tmp_path)
    log.write_bytes(log.read_bytes()[: log.stat().st_size * 2 // 3])
    assert 0 < total(tmp_path) < had
    assert result_of(finish("run", tmp_path)).tobytes() == found.tobytes()
    assert contents(tmp_path) == recorded


def test_a_limit_on_files_stops_a_run_and_lifting_it_continues(tmp_path, whole):
    """RLIMIT_FSIZE: the write itself fails, in the midst of a page, as on a full disk or quota; it needs no rights to set up."""
    found, recorded = whole
    lines = finish("full", tmp_path, 300_000)
    assert lines[0].startswith(
        f"error the last {child.ROWS} entries of the journal in '{tmp_path}' could not be written: "
    )
    assert lines[0].endswith("everything before them is kept: make room and continue with --resume.")
    assert lines[1:] == [f"waiting {child.ROWS}", "waiting 0"]
    kept = contents(tmp_path)
    assert 0 < sum(map(len, kept.values())) < sum(map(len, recorded.values()))
    assert all(entries == recorded[s][: len(entries)] for s, entries in kept.items())
    assert result_of(finish("run", tmp_path)).tobytes() == found.tobytes()
    assert contents(tmp_path) == recorded


def test_a_disk_that_is_really_full(tmp_path, whole):
    """A small file system in memory, where the kernel lets a user mount one of his own."""
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-euc"]
    if (
        not shutil.which("unshare")
        or subprocess.run([*alone, f"mount -t tmpfs none '{tmp_path}'"], capture_output=True).returncode
    ):
        pytest.skip("no file system can be mounted here")
    small, copy = tmp_path / "small", tmp_path / "copy"
    small.mkdir()
    script = (
        f"mount -t tmpfs -o size=400k none '{small}'; mkdir '{small}/j'; '{sys.executable}' '{CHILD}' fill '{small}/j'; "
        f"cp -r '{small}/j' '{copy}'; mount -o remount,size=64m '{small}'; '{sys.executable}' '{CHILD}' run '{small}/j'"
    )
    done = subprocess.run([*alone, script], stdout=subprocess.PIPE, text=True, check=True, timeout=120)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("error the last ")
    assert "could not be written: the disk is full; everything before them is kept" in lines[0]
    found, recorded = whole
    kept = contents(copy)
    assert 0 < sum(map(len, kept.values())) < sum(map(len, recorded.values()))
    assert all(entries == recorded[s][: len(entries)] for s, entries in kept.items())
    assert result_of(lines).tobytes() == found.tobytes()


def test_a_second_writer_is_refused_a_reader_reads_and_a_dead_writer_blocks_nobody(tmp_path):
    with process("hold", tmp_path) as writer:
        assert writer.stdout.readline() == f"holding {writer.pid}\n"
        with pytest.raises(StorageError) as refused:
            Journal.open(tmp_path, child.HEADER, resume=True)
        text = str(refused.value)
        assert text.startswith(
            f"the journal in '{tmp_path}' is being written by process {writer.pid} on {socket.gethostname()} since 2"
        )
        assert text.endswith("; wait for it, end it, or give another folder.")
        with Journal.read(tmp_path) as reader:
            for k in range(1, 4):
                assert reader.count("a") == k
                writer.stdin.write(f"{k}\n")
                writer.stdin.flush()
                assert writer.stdout.readline() == "written\n"
            entries = reader.entries("a")
            assert [len(next(entries)["x"]) for _ in range(2)] == [3, 1]
            writer.stdin.write("9\n")
            writer.stdin.flush()
            assert writer.stdout.readline() == "written\n"
            assert [len(e["x"]) for e in entries] == [2, 3, 9]  # also what came while they were read
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert "pid" in (tmp_path / "journal.lock").read_text()  # it could not tidy up
    with Journal.open(tmp_path, child.HEADER, resume=True) as journal:
        assert journal.count("a") == 5
        with pytest.raises(StorageError, match=f"is being written by process {os.getpid()} on "):
            Journal.open(tmp_path, child.HEADER, resume=True)
    with Journal.open(tmp_path, child.HEADER, resume=True):
        pass


def test_a_process_that_a_killed_one_forked_does_not_hold_the_lock(tmp_path):
    with process("fork", tmp_path) as parent:
        refused, orphan = parent.stdout.readline(), parent.stdout.readline().split()
        assert refused.startswith(f"refused the journal '{tmp_path}' belongs to process {parent.pid}; use it there")
        with pytest.raises(StorageError, match=f"is being written by process {parent.pid} "):
            Journal.open(tmp_path, child.HEADER, resume=True)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        try:
            os.kill(int(orphan[1]), 0)  # it lives
            with Journal.open(tmp_path, child.HEADER, resume=True) as journal:
                journal.append("a", journal.count("a"), {"x": np.zeros(1)})
        finally:
            os.kill(int(orphan[1]), signal.SIGKILL)


def test_a_folder_that_may_only_be_read(tmp_path):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "journal"
        with Journal.open(folder, child.HEADER) as journal:
            journal.append("a", 0, {"x": np.arange(3.0)})
        Path(name).chmod(0o755)
        folder.chmod(0o555)
        lines = finish("nobody", folder)
        folder.chmod(0o755)
    assert lines[0].startswith("StorageError ")
    assert str(folder) in lines[0]
    assert "give another folder" in lines[0] or "give a folder that you may write to" in lines[0]
    assert (
        lines[1]
        == f"StorageError '{folder / 'new'}' cannot be used: permission denied; give another folder for the journal."
    )
    assert lines[2] == "count 1 3.0"
