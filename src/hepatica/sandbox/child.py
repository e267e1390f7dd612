"""The child process: takes one request after the other from its standard input until the parent is gone.

Nothing that a C library prints can reach the pipe to the parent: the pipes are moved to other descriptors first, and
standard input, output and error then lead nowhere.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from math import ceil
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any, BinaryIO

from hepatica.errors import HepaticaError
from hepatica.sandbox.frames import read_frame, write_frame
from hepatica.sandbox.targets import pack_error, perform, resolve

GRACE = 5
"""Seconds after the limit at which the child ends itself, should the parent not have done it."""
FRAMES = 800
"""Python's limit here; less than elsewhere, so that what passes here also passes in the parent, deep in a call."""

Request = tuple[Any, bytes]


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    settings = json.loads(sys.argv[1])
    requests, replies = _move_pipes()
    if settings["memory"]:
        _limit(settings["memory"])
    sys.setrecursionlimit(FRAMES)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    sys.excepthook = _reporter(replies)
    write_frame(replies, {"ready": os.getpid()})
    queue: SimpleQueue[Request] = SimpleQueue()
    Thread(target=_listen, args=(requests, queue), daemon=True).start()
    while True:
        header, data = queue.get()
        with _deadline(header["seconds"]):
            answer = _answer(settings["targets"], header, data)
        write_frame(replies, *answer)


def _answer(targets: Mapping[str, str], header: Mapping[str, Any], data: bytes) -> tuple[Any, bytes]:
    try:
        result, out = perform(resolve(targets[header["target"]]), header["arguments"], data, header["subject"])
    except HepaticaError as error:
        return {"error": pack_error(error)}, b""
    return {"result": result}, out


def _move_pipes() -> tuple[BinaryIO, BinaryIO]:
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    return requests, replies


def _listen(requests: BinaryIO, queue: "SimpleQueue[Request]") -> None:
    """Pass requests on; when the parent is gone, end at once, whatever is being done."""
    while True:
        try:
            queue.put(read_frame(requests))
        except (EOFError, OSError, ValueError):
            os._exit(0)


def _limit(memory: int) -> None:
    """Limit the address space and forbid core files, where the platform can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, value in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, memory)):
        with suppress(ValueError, OSError):  # macOS refuses a limit on the address space
            resource.setrlimit(kind, (value, value))


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Let the kernel end this process some time after the limit, even while it is deep inside a C library."""
    if not hasattr(signal, "alarm"):
        yield
        return
    signal.alarm(ceil(seconds) + GRACE)
    try:
        yield
    finally:
        signal.alarm(0)


def _reporter(replies: BinaryIO) -> Any:
    """Give a hook that tells the parent of an error nobody foresaw, before this process ends with it."""

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        lines = traceback.format_exception(kind, error, trace)
        write_frame(replies, {"unforeseen": f"{kind.__name__}: {error}", "traceback": "".join(lines)})

    return report


if __name__ == "__main__":
    main()
