import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hepatica.errors import ComputationError, HostileFileError, InputError, ModelError
from hepatica.sandbox import Limits, Sandbox, parent, run

HERE = "tests.sandbox.misdeeds"
NAMES = (
    "echo", "who", "segfault", "signalled", "leave", "hang", "hang_deaf", "eat", "recurse", "refuse", "fail", "chatter",
    "deaf_to_interrupts",
)  # fmt: skip
TARGETS = {name: f"{HERE}.{name}" for name in NAMES}
ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name != "posix", reason="there are no signals on this platform")
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space")


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    made = Sandbox(TARGETS, Limits(seconds=20.0))
    yield made
    made.close()


def ask(sandbox, name, **arguments):
    return sandbox.call(name, arguments, subject="x.xml")


def process(sandbox):
    return ask(sandbox, "who")[0]["process"]


def test_data_go_there_and_come_back(sandbox):
    big = bytes(range(256)) * 100_000
    assert sandbox.call("echo", {"a": [1, None, "é"]}, big, subject="x") == ({"a": [1, None, "é"]}, big[::-1])


def test_the_child_is_another_process_and_stays(sandbox):
    first = process(sandbox)
    assert first != os.getpid()
    assert process(sandbox) == first


def test_the_child_imports_nothing_from_the_current_folder(sandbox, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("raise SystemExit('hijacked')")
    answer = ask(sandbox, "who")[0]
    assert answer["folder"] == str(tmp_path)
    assert str(tmp_path) not in answer["path"]


def test_errors_come_back_as_they_are_and_leave_the_child_alive(sandbox):
    before = process(sandbox)
    with pytest.raises(ModelError) as error:
        ask(sandbox, "refuse")
    assert type(error.value) is ModelError
    assert str(error.value) == "x.xml:3: no species 'pMEKK'."
    with pytest.raises(HostileFileError, match=r"^x\.xml: refused because it is nested too deeply\.$"):
        ask(sandbox, "recurse")
    assert process(sandbox) == before


@linux
def test_too_much_memory_is_an_error(sandbox):
    with pytest.raises(HostileFileError, match=r"^x\.xml: refused because it needs more memory than allowed\.$"):
        ask(sandbox, "eat")


@posix
def test_a_crash_is_one_sentence_and_the_next_call_works(sandbox):
    with pytest.raises(
        HostileFileError, match=r"^x\.xml: refused because reading it crashed \(signal 11, SIGSEGV\)\.$"
    ):
        ask(sandbox, "segfault")
    with pytest.raises(HostileFileError, match=r"crashed \(signal 6, SIGABRT\)\.$"):
        ask(sandbox, "signalled", signal=int(signal.SIGABRT))
    with pytest.raises(
        HostileFileError, match=r"was ended by the system \(signal 9\), most likely for want of memory\.$"
    ):
        ask(sandbox, "signalled", signal=int(signal.SIGKILL))
    with pytest.raises(HostileFileError, match=r"ended the process that did it \(exit code 3\)\.$"):
        ask(sandbox, "leave", code=3)
    assert ask(sandbox, "echo", a=1)[0] == {"a": 1}


def test_a_child_that_died_between_calls_is_replaced(sandbox):
    before = process(sandbox)
    os.kill(before, signal.SIGTERM)
    while sandbox._child.poll() is None:
        time.sleep(0.01)
    assert process(sandbox) != before


@posix
@pytest.mark.parametrize("name", ["hang", "hang_deaf"])
def test_a_hang_ends_at_the_limit(monkeypatch, name):
    monkeypatch.syspath_prepend(str(ROOT))
    sandbox = Sandbox(TARGETS, Limits(seconds=0.5))
    with pytest.raises(
        HostileFileError,
        match=r"^x\.xml: refused because reading it took more than 0\.5 s; raise HEPATICA_SANDBOX_SECONDS",
    ):
        ask(sandbox, name)
    assert ask(sandbox, "echo", a=1)[0] == {"a": 1}
    sandbox.close()


@posix
def test_what_libraries_print_reaches_neither_the_pipe_nor_a_full_one(sandbox):
    assert ask(sandbox, "chatter") == ({"input": ""}, b"")
    assert ask(sandbox, "echo", a=1)[0] == {"a": 1}


def test_an_unforeseen_error_asks_for_a_report_and_keeps_the_traceback(sandbox):
    with pytest.raises(ComputationError) as error:
        ask(sandbox, "fail")
    assert str(error.value) == (
        "x.xml: reading it failed inside hepatica (KeyError: 'absent'); please report this with the file."
    )
    assert "misdeeds.py" in error.value.__notes__[0]
    assert ask(sandbox, "echo", a=1)[0] == {"a": 1}


@posix
def test_an_interrupt_is_the_parents_and_ends_the_child(sandbox):
    assert ask(sandbox, "deaf_to_interrupts") == ("still here", b"")
    before = process(sandbox)
    kept = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell ignores it for what runs in its background
    try:
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            ask(sandbox, "hang")
    finally:
        signal.signal(signal.SIGINT, kept)
    assert process(sandbox) != before


def test_threads_take_turns(sandbox):
    answers = {}

    def work(number):
        answers[number] = sandbox.call("echo", {"number": number}, bytes([number]) * 1000, subject="x")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {n: ({"number": n}, bytes([n]) * 1000) for n in range(8)}


def alive(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{number}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


@posix
@pytest.mark.parametrize("how", ["pass", "os.kill(os.getpid(), 9)"])
def test_the_child_ends_with_its_parent(how):
    code = (
        "import os, sys, json, threading, time\nfrom hepatica.sandbox import Sandbox\n"
        f"box = Sandbox({TARGETS!r})\nprint(box.call('who', {{}}, subject='x')[0]['process'], flush=True)\n"
        "threading.Thread(target=lambda: box.call('hang', {}, subject='x'), daemon=True).start()\ntime.sleep(0.3)\n"
        f"{how}\n"
    )
    path = os.pathsep.join([str(ROOT), *(p for p in sys.path if p)])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}, timeout=60
    )
    child = int(done.stdout)
    for _ in range(500):
        if not alive(child):
            break
        time.sleep(0.02)
    assert not alive(child), done.stderr


def test_a_child_that_cannot_start(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "absent"))
    with pytest.raises(
        ComputationError, match=r"^the process that handles foreign files cannot be started: No such file"
    ):
        ask(Sandbox(TARGETS), "echo")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ComputationError, match=r"it ended at once \(exit code 1\); set HEPATICA_SANDBOX=off"):
        ask(Sandbox(TARGETS), "echo")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("HEPATICA_SANDBOX", "maybe", "HEPATICA_SANDBOX is 'maybe'; expected 'on' or 'off'."),
        ("HEPATICA_SANDBOX_SECONDS", "-1", "HEPATICA_SANDBOX_SECONDS is '-1'; expected a positive number."),
        ("HEPATICA_SANDBOX_GIB", "lots", "HEPATICA_SANDBOX_GIB is 'lots'; expected a positive number."),
    ],
)
def test_settings_that_cannot_be_used(monkeypatch, name, value, message):
    monkeypatch.setenv("HEPATICA_SANDBOX", "on")
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError) as error:
        run("read_sbml", {"name": "x"}, subject="x", doing="reading")
    assert str(error.value) == message


@pytest.mark.parametrize("switch", ["on", "off"])
def test_the_switch_decides_where_it_runs(monkeypatch, switch):
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setenv("HEPATICA_SANDBOX", switch)
    monkeypatch.setattr(parent, "TARGETS", TARGETS)
    box = Sandbox(TARGETS)
    monkeypatch.setattr(parent, "_shared", lambda _process, _limits: box)
    inside = run("who", {}, subject="x", doing="reading")[0]["process"]
    assert (inside == os.getpid()) is (switch == "off")
    with pytest.raises(HostileFileError, match="nested too deeply"):
        run("recurse", {}, subject="x", doing="reading")
    box.close()


def test_what_is_sent_is_json_and_bytes_never_objects(sandbox):
    with pytest.raises(TypeError, match="not JSON serializable"):
        ask(sandbox, "echo", thing=object())
    assert json.dumps(ask(sandbox, "echo", a=1)[0]) == '{"a": 1}'
