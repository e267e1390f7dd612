"""A journal that a run writes while it works, so that nothing it has computed is lost.

A folder with one SQLite database in write-ahead mode (https://www.sqlite.org/wal.html) and the lock of its one writer.
Entries wait in memory for at most a second, or until there are many, and are then committed together: a commit waits for the
disk (``synchronous=FULL``), so that neither a killed process nor a loss of power takes back what was committed. With ``NORMAL``
a killed process would lose nothing either, but a loss of power everything since the last checkpoint; at one commit a second the
difference in speed cannot be measured.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from numpy.typing import ArrayLike, NDArray

from hepatica.errors import FormatError, HepaticaError, InputError, NotFoundError, StorageError
from hepatica.inference import database
from hepatica.inference.lock import WriterLock
from hepatica.inference.packing import Packed, pack, unpack

INTERVAL = 1.0  # s between commits
ROWS = 1000  # entries, and
BYTES = 8 * 2**20  # bytes that may wait for a commit
LARGEST = 512 * 2**20  # bytes of one entry; SQLite's own limit is a little under 1e9


class Journal:
    """Streams of numbered entries; each entry holds named arrays. Made by :meth:`open` or :meth:`read`.

    It may be used by several threads, but not by a forked process.

    Attributes
    ----------
    folder
        Where it is.
    header
        What run it belongs to.
    """

    def __init__(
        self, folder: Path, connection: sqlite3.Connection, lock: WriterLock | None, *, interval: float = INTERVAL, rows: int = ROWS
    ) -> None:  # fmt: skip
        self.folder = folder
        self.header = database.read_header(connection, folder)
        self._connection = connection
        self._lock = lock
        self._interval, self._rows = interval, rows
        self._counts = database.counts(connection, folder) if lock else {}
        self._pending: list[tuple[str, int, Packed]] = []
        self._oldest = 0.0
        self._bytes = 0
        self._process = os.getpid()
        self._open = True
        self._turn = threading.Lock()  # who changes what waits
        self._database = threading.RLock()  # who uses the connection; taken before the turn, never after it
        self._closing = threading.Event()
        self._pace = threading.Thread(target=self._commit_now_and_then, name="journal", daemon=True)
        if lock:
            self._pace.start()

    @classmethod
    def open(
        cls, folder: str | Path, header: Mapping[str, str], *, resume: bool = False, interval: float = INTERVAL, rows: int = ROWS
    ) -> Self:  # fmt: skip
        """Open a journal for writing, or begin one.

        Parameters
        ----------
        folder
            Of this journal; it is made if it is not there.
        header
            What makes the run what it is: digests of problem and settings, seed, version.
        resume
            Whether the journal may hold entries already; they stay, and a journal that is not there is begun.
        interval
            s; how long an entry waits for its commit at most.
        rows
            How many entries wait at most.

        Returns
        -------
        Journal
            A context manager; leaving it commits what waits.

        Raises
        ------
        InputError
            When the journal belongs to another run, holds entries though ``resume`` is false, or the folder holds other files.
        StorageError
            When another process writes it, or the folder cannot be written to.
        FormatError, UnsupportedError
            When it is damaged, no journal, or of a newer format.
        """
        folder = Path(folder)
        database.check_folder(folder)
        with ExitStack() as undo:
            lock = WriterLock(folder / database.LOCK)
            undo.callback(lock.release)
            connection = database.connect(folder)
            undo.callback(connection.close)
            database.begin(connection, folder, header, resume=resume)
            journal = cls(folder, connection, lock, interval=interval, rows=rows)
            undo.pop_all()
        return journal

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Open a journal for reading, also while another process writes it; what is committed is seen at once.

        Parameters
        ----------
        folder
            Of the journal.

        Returns
        -------
        Journal
            A context manager.

        Raises
        ------
        NotFoundError
            When there is no journal.
        StorageError, FormatError, UnsupportedError
            When it cannot be read, is damaged or no journal, or of a newer format.
        """
        folder = Path(folder)
        connection = database.connect_to_read(folder)
        try:
            return cls(folder, connection, None)
        except BaseException:
            connection.close()
            raise

    def append(self, stream: str, index: int, arrays: Mapping[str, ArrayLike]) -> None:
        """Take up one entry, whole or not at all; it is committed with those that come soon after it, or by itself.

        Parameters
        ----------
        stream
            Any printable name.
        index
            The number of entries that the stream has. A smaller one must come with the arrays that are recorded, bit for bit,
            and changes nothing.
        arrays
            As for :func:`~hepatica.inference.packing.pack`.

        Raises
        ------
        InputError
            When entries are left out, another entry stands there already, or the arrays cannot be kept.
        StorageError
            When this or earlier entries cannot be written. They still wait: once there is room, the next call or :meth:`flush`
            writes them.
        """
        self.append_packed(stream, index, pack(arrays))

    def append_packed(self, stream: str, index: int, packed: Packed) -> None:
        """Take up one entry that was made by :func:`~hepatica.inference.packing.pack`; else as :meth:`append`."""
        if not stream.isprintable() or not stream:
            raise InputError(f"the stream name {stream!r} cannot be used; give printable characters, at least one.")
        size = len(packed.data) + len(packed.layout)
        if size > LARGEST:
            raise InputError(f"an entry of '{stream}' has {size} bytes; at most {LARGEST} are kept: divide it.")
        self._check_use(writing=True)
        with self._turn:
            count = self._counts.get(stream, 0)
            if not 0 <= index <= count:
                raise InputError(
                    f"entry {index} of '{stream}' came where {count} was expected; append one after the other."
                )
            if index == count:
                if not self._pending:
                    self._oldest = time.monotonic()
                self._pending.append((stream, index, packed))
                self._counts[stream] = count + 1
                self._bytes += size
            # entries are committed in the background as they come of age, unless that failed
            overdue = bool(self._pending) and time.monotonic() - self._oldest >= 2 * self._interval
            due = overdue or len(self._pending) >= self._rows or self._bytes >= BYTES
        if index < count:
            self._check_same(stream, index, packed)
        if due:
            self._commit()

    def flush(self) -> None:
        """Commit what waits; when this returns, it is on the disk.

        Raises
        ------
        StorageError
            When it cannot be written; it still waits.
        """
        self._check_use(writing=True)
        self._commit()

    @property
    def pending(self) -> int:
        """How many entries wait for their commit: what would be lost if the process were killed now."""
        with self._turn:
            return len(self._pending)

    def entry(self, stream: str, index: int) -> dict[str, NDArray[Any]]:
        """Give one entry.

        Parameters
        ----------
        stream, index
            Which.

        Returns
        -------
        dict of str to numpy.ndarray
            The arrays, sorted by name.

        Raises
        ------
        NotFoundError
            When it is not there.
        FormatError
            When it is damaged.
        """
        packed = self._read(stream, index)
        if packed is None:
            count = self.count(stream)
            if 0 <= index < count:
                raise database.damaged(self.folder, f"entry {index} of '{stream}' is missing")
            raise NotFoundError(f"the journal '{self.folder}' has no entry {index} of '{stream}', which has {count}.")
        return unpack(packed)

    def entries(self, stream: str, start: int = 0) -> Iterator[dict[str, NDArray[Any]]]:
        """Give the entries of a stream in their order, to the last one that is there when it is reached.

        Parameters
        ----------
        stream
            Which; one that is not there is empty.
        start
            Index of the first; a plot that is drawn anew goes on from where it was.

        Yields
        ------
        dict of str to numpy.ndarray
            The arrays, sorted by name.

        Raises
        ------
        InputError
            When ``start`` is negative.
        FormatError
            When an entry is damaged.
        """
        if start < 0:
            raise InputError(f"the first entry {start} is out of range; give 0 or more.")
        # one query for each: a reader that holds a query open would keep the writer from clearing its log
        while start < (end := self.count(stream)):
            for index in range(start, end):
                yield self.entry(stream, index)
            start = end

    def count(self, stream: str) -> int:
        """Give the number of entries of a stream; 0 for one that is not there."""
        return self._all_counts().get(stream, 0)

    def streams(self) -> tuple[str, ...]:
        """Give the names of the streams, sorted."""
        return tuple(sorted(self._all_counts()))

    def close(self) -> None:
        """Commit what waits, and let another writer in.

        Raises
        ------
        StorageError
            When what waits cannot be written; it is lost.
        """
        if not self._open or os.getpid() != self._process:
            return  # in a forked process the journal is the parent's
        self._closing.set()
        if self._pace.ident is not None:
            self._pace.join()
        with self._database:
            try:
                self._commit()
            finally:
                self._open = False
                self._connection.close()
                if self._lock:
                    self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except HepaticaError as failed:
            if error is None:
                raise
            if str(failed) != str(error):
                error.add_note(str(failed))  # what ended the run is the error; this comes on top

    def _all_counts(self) -> dict[str, int]:
        self._check_use()
        if self._lock:
            with self._turn:
                return dict(self._counts)
        with self._database:
            return database.counts(self._connection, self.folder)

    def _check_use(self, *, writing: bool = False) -> None:
        if os.getpid() != self._process:
            raise InputError(
                f"the journal '{self.folder}' belongs to process {self._process}; use it there, not in one forked from it."
            )
        if not self._open:
            raise InputError(f"the journal '{self.folder}' was closed; open it again.")
        if writing and not self._lock:
            raise InputError(f"the journal '{self.folder}' was opened for reading; open it with Journal.open to write.")

    def _read(self, stream: str, index: int) -> Packed | None:
        self._check_use()
        with self._database:
            self._commit()
            return database.read_entry(self._connection, self.folder, stream, index)

    def _check_same(self, stream: str, index: int, packed: Packed) -> None:
        if self._read(stream, index) != packed:
            raise InputError(
                f"entry {index} of '{stream}' differs from the one in the journal '{self.folder}': this run is another one; "
                "give another folder."
            )

    def _commit(self) -> None:
        with self._database:
            with self._turn:
                batch = list(self._pending)
            if not batch:
                return
            # others may append meanwhile
            database.write_entries(self._connection, self.folder, batch)
            with self._turn:
                del self._pending[: len(batch)]
                self._bytes -= sum(len(packed.data) + len(packed.layout) for _, _, packed in batch)
                self._oldest = time.monotonic()

    def _commit_now_and_then(self) -> None:
        while not self._closing.wait(self._interval):
            # what could not be written still waits, and the next append says so
            with suppress(StorageError, FormatError):
                self._commit()
