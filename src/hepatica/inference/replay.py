"""A deterministic run that was killed goes on where the journal ends.

An optimizer or sampler cannot be stopped and started, but it can be run again: it asks for the same evaluations in the same
order, and those that the journal holds cost nothing. What comes out is what would have come out, bit for bit.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepatica.errors import InputError
from hepatica.inference.journal import Journal
from hepatica.inference.packing import pack, unpack

ARGUMENTS = "arguments"


class Replay:
    """Evaluations of one deterministic run, from the journal as far as it goes.

    Each entry of the stream holds what was computed, and the arguments under the name ``arguments``.

    Parameters
    ----------
    journal
        Open for writing.
    stream
        The run's own; nothing else is to write to it.

    Attributes
    ----------
    calls
        How many evaluations were asked for so far.
    recorded
        How many the journal held at the beginning.
    """

    def __init__(self, journal: Journal, stream: str) -> None:
        self.calls = 0
        self.recorded = journal.count(stream)
        self._journal = journal
        self._stream = stream

    def call(
        self, arguments: NDArray[Any], compute: Callable[[NDArray[Any]], Mapping[str, NDArray[Any]]]
    ) -> dict[str, NDArray[Any]]:
        """Give the next evaluation: the recorded one, or else a new one, which is recorded.

        Parameters
        ----------
        arguments
            What ``compute`` is called with a copy of; any shape and unit.
        compute
            Gives named arrays; it must depend on its arguments alone. What it raises passes through, and nothing is recorded.

        Returns
        -------
        dict of str to numpy.ndarray
            Sorted by name, in C order, the same bits and the same memory layout whether recorded or new.

        Raises
        ------
        InputError
            When the arguments are not the recorded ones: the run is not the one that was recorded.
        StorageError, FormatError
            As :meth:`Journal.append` and :meth:`Journal.entry`.
        """
        if self.calls < self.recorded:
            result = self._journal.entry(self._stream, self.calls)
            before = result.pop(ARGUMENTS, None)
            if before is None or pack({ARGUMENTS: before}) != pack({ARGUMENTS: arguments}):
                raise InputError(self._differs(before, np.asarray(arguments)))
        else:
            asked = np.array(arguments)
            computed = compute(asked.copy(order="C"))  # what is recorded is what was asked, whatever compute does to it
            if ARGUMENTS in computed:
                raise InputError(f"a result is named '{ARGUMENTS}', the name that arguments are kept under; rename it.")
            packed = pack({ARGUMENTS: asked} | dict(computed))
            self._journal.append_packed(self._stream, self.calls, packed)
            result = unpack(packed)
            del result[ARGUMENTS]
        self.calls += 1
        return result

    def _differs(self, before: NDArray[Any] | None, now: NDArray[Any]) -> str:
        where = f"evaluation {self.calls} of '{self._stream}' is not the one in the journal '{self._journal.folder}'"
        if before is None or (before.dtype, before.shape) != (now.dtype, now.shape):
            had = "no arguments" if before is None else f"{before.dtype} of shape {before.shape}"
            what = f"{had} there, {now.dtype} of shape {now.shape} here"
        else:
            # bits, not values: -0.0 and 0.0 differ, a NaN does not differ from itself
            flat = [a.reshape(-1, 1).view(np.uint8).reshape(a.size, -1) for a in (before, np.ascontiguousarray(now))]
            first = int(np.flatnonzero((flat[0] != flat[1]).any(axis=1))[0])
            what = f"argument {first} is {before.flat[first]!r} there, {now.flat[first]!r} here"
        return (
            f"{where} ({what}): this run is another one; continue with the version, settings and kind of machine that began it, "
            "or give another folder."
        )
