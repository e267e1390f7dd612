"""The parent's side: starts the child when it is first needed, asks, waits, and puts into words how the child ended."""

import atexit
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock, Timer
from typing import Any, BinaryIO, NoReturn

from hepatica.errors import ComputationError, HostileFileError, InputError
from hepatica.sandbox.frames import read_frame, write_frame
from hepatica.sandbox.targets import TARGETS, Answer, perform, resolve, unpack_error

GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may take.

    Parameters
    ----------
    seconds
        Wall time of one request, in s.
    memory
        Address space of the child, in bytes; 0 for no limit. Not enforced on Windows and macOS.
    """

    seconds: float = 60.0
    memory: int = 4 * GIB


def run(target: str, arguments: Mapping[str, Any], data: bytes = b"", *, subject: str, doing: str) -> Answer:
    """Run a function of :data:`~hepatica.sandbox.targets.TARGETS` in this process's child.

    Parameters
    ----------
    target
        Its name in the table.
    arguments, data
        What JSON knows, and bytes.
    subject, doing
        For error messages: ``model.xml`` and ``reading``.

    Returns
    -------
    tuple
        What JSON knows, and bytes.

    Raises
    ------
    HepaticaError
        What the function raises, of the same class and text.
    HostileFileError
        When the child crashes, or needs more time or memory than allowed.
    ComputationError
        When it ends in an error that nobody foresaw, or cannot be started.
    InputError
        When ``HEPATICA_SANDBOX``, ``HEPATICA_SANDBOX_SECONDS`` or ``HEPATICA_SANDBOX_GIB`` cannot be used.
    """
    switch = os.environ.get("HEPATICA_SANDBOX", "on")
    if switch not in {"on", "off"}:
        raise InputError(f"HEPATICA_SANDBOX is '{switch}'; expected 'on' or 'off'.")
    if switch == "off":
        return perform(resolve(TARGETS[target]), arguments, data, subject)
    limits = Limits(
        seconds=_from_environment("HEPATICA_SANDBOX_SECONDS", Limits().seconds),
        memory=int(_from_environment("HEPATICA_SANDBOX_GIB", Limits().memory / GIB) * GIB),
    )
    return _shared(os.getpid(), limits).call(target, arguments, data, subject=subject, doing=doing)


@cache
def _shared(_process: int, limits: Limits) -> "Sandbox":
    """Give the child of a process: one that was forked must not talk to its parent's."""
    return Sandbox(limits=limits)


def _from_environment(name: str, default: float) -> float:
    text = os.environ.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise InputError(f"{name} is '{text}'; expected a positive number.")
    return value


class Sandbox:
    """A child process that is started when first asked, and again after it has ended; safe to use from threads.

    Parameters
    ----------
    targets
        Dotted names of the functions that the child may import, by name.
    limits
        Time of a request and memory of the child.
    """

    def __init__(self, targets: Mapping[str, str] = TARGETS, limits: Limits | None = None) -> None:
        self.targets = dict(targets)
        self.limits = limits or Limits()
        self._lock = Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        atexit.register(self.close)

    def call(
        self, target: str, arguments: Mapping[str, Any], data: bytes = b"", *, subject: str, doing: str = "reading"
    ) -> Answer:
        """Ask the child; parameters, result and errors are those of :func:`run`."""
        header = {"target": target, "arguments": arguments, "subject": subject, "seconds": self.limits.seconds}
        with self._lock:
            child = self._child if self._child and self._child.poll() is None else self._start()
            late: list[bool] = []
            timer = Timer(self.limits.seconds, _end_late, (child, late))
            timer.daemon = True
            timer.start()
            try:
                answer, out = self._exchange(child, header, data)
            except (EOFError, OSError, ValueError) as error:
                self._discard()
                raise HostileFileError(self._ending(child, subject, doing, late=bool(late))) from error
            except BaseException:  # an interrupt above all: what the child answers now, nobody would read
                self._discard()
                raise
            finally:
                timer.cancel()
            if late or "unforeseen" in answer:
                self._discard()
        if "unforeseen" in answer:
            _raise_unforeseen(answer, subject, doing)
        if "error" in answer:
            raise unpack_error(answer["error"])
        return answer["result"], out

    def close(self) -> None:
        """End the child; the next call starts a new one."""
        if os.getpid() == self._owner:  # not in a fork, whose copy of the handle is not its own
            self._discard()

    @staticmethod
    def _exchange(child: "subprocess.Popen[bytes]", header: Any, data: bytes) -> tuple[Any, bytes]:
        write_frame(_pipe(child.stdin), header, data)
        return read_frame(_pipe(child.stdout))

    def _start(self) -> "subprocess.Popen[bytes]":
        self._discard()
        settings = json.dumps({"targets": self.targets, "memory": self.limits.memory})
        # the same modules as here, and none from the current folder, which may hold anything
        root = str(Path(__file__).parents[2])
        path = os.pathsep.join([root, *(p for p in sys.path if p)])
        threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # each thread would reserve memory
        try:
            self._child = subprocess.Popen(  # noqa: S603 (this interpreter, with arguments of our own)
                [sys.executable, "-P", "-m", "hepatica.sandbox.child", settings],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": path} | threads,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )  # fmt: skip
        except OSError as error:
            raise ComputationError(_no_start(str(error.strerror))) from error
        try:
            read_frame(_pipe(self._child.stdout))  # it says when it is ready
        except EOFError as error:
            code = self._child.wait()
            raise ComputationError(_no_start(f"it ended at once (exit code {code})")) from error
        return self._child

    def _discard(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            _close(pipe)

    def _ending(self, child: "subprocess.Popen[bytes]", subject: str, doing: str, *, late: bool) -> str:
        """Put into words how the child ended."""
        code = child.returncode
        what = f"{subject}: refused because {doing} it"
        if late or code == -getattr(signal, "SIGALRM", 0):
            return f"{what} took more than {self.limits.seconds:g} s; raise HEPATICA_SANDBOX_SECONDS if you trust it."
        if code == -getattr(signal, "SIGKILL", 0):
            return f"{what} was ended by the system (signal 9), most likely for want of memory."
        if code < 0:
            return f"{what} crashed (signal {-code}, {_signal_name(-code)})."
        return f"{what} ended the process that did it (exit code {code})."


def _no_start(reason: str) -> str:
    return (
        f"the process that handles foreign files cannot be started: {reason}; "
        "set HEPATICA_SANDBOX=off to do without it for files that you trust."
    )


def _raise_unforeseen(answer: Mapping[str, str], subject: str, doing: str) -> NoReturn:
    error = ComputationError(
        f"{subject}: {doing} it failed inside hepatica ({answer['unforeseen']}); please report this with the file."
    )
    error.add_note(answer["traceback"])
    raise error


def _end_late(child: "subprocess.Popen[bytes]", late: list[bool]) -> None:
    late.append(True)
    child.kill()


def _pipe(stream: Any) -> BinaryIO:
    pipe: BinaryIO = stream
    return pipe


def _close(stream: Any) -> None:
    try:
        _pipe(stream).close()
    except OSError:  # what could not be sent any more to a child that has ended
        return


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
