"""What a child process may do wrong; asked for by the tests of the sandbox."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any

from hepatica.errors import ModelError

Answer = tuple[Any, bytes]


def echo(arguments: Mapping[str, Any], data: bytes) -> Answer:
    return dict(arguments), data[::-1]


def who(_arguments: Mapping[str, Any], _data: bytes) -> Answer:
    return {"process": os.getpid(), "path": sys.path, "folder": os.getcwd()}, b""


def segfault(_arguments: Mapping[str, Any], _data: bytes) -> Answer:
    ctypes.string_at(0)
    raise AssertionError


def signalled(arguments: Mapping[str, Any], _data: bytes) -> Answer:
    os.kill(os.getpid(), arguments["signal"])
    time.sleep(30)
    raise AssertionError


def leave(arguments: Mapping[str, Any], _data: bytes) -> Answer:
    os._exit(arguments["code"])


def hang(_arguments: Mapping[str, Any], _data: bytes) -> Answer:
    while True:
        ctypes.CDLL(None).sleep(100)


def hang_deaf(_arguments: Mapping[str, Any], _data: bytes) -> Answer:
    """Hold the interpreter's lock, as a C library does, so that no other thread runs."""
    while True:
        ctypes.PyDLL(None).sleep(100)


def eat(_arguments: Mapping[str, Any], _data: bytes) -> Answer:
    return len(bytearray(64 << 30)), b""


def recurse(arguments: Mapping[str, Any], data: bytes) -> Answer:
    return recurse(arguments, data)


def refuse(_arguments: Mapping[str, Any], _data: bytes) -> Answer:
    raise ModelError("x.xml:3: no species 'pMEKK'.")


def fail(_arguments: Mapping[str, Any], _data: bytes) -> Answer:
    return {}["absent"], b""


def chatter(_arguments: Mapping[str, Any], _data: bytes) -> Answer:
    for descriptor in (1, 2):
        for _ in range(64):
            os.write(descriptor, b"noise" * 10_000)
    sys.stdout.write("noise")
    return {"input": os.read(0, 10).decode()}, b""


def deaf_to_interrupts(_arguments: Mapping[str, Any], _data: bytes) -> Answer:
    os.kill(os.getpid(), signal.SIGINT)
    return "still here", b""
