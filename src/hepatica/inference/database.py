"""The tables of a journal: what it reads and writes in SQLite, and what can go wrong there, in words."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hepatica.errors import FormatError, HepaticaError, InputError, NotFoundError, StorageError, UnsupportedError
from hepatica.inference.packing import Packed, checksum

DATABASE = "journal.sqlite"
LOCK = "journal.lock"
APPLICATION = 0x48455041  # "HEPA"
FORMAT = 1
BUSY = 5.0  # s to wait for a program that looks into the database, or for another reader's recovery
TABLES = (
    "CREATE TABLE header (name TEXT PRIMARY KEY, value TEXT NOT NULL, checksum BLOB NOT NULL)",
    "CREATE TABLE stream (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE TABLE entry (stream INTEGER NOT NULL REFERENCES stream (id), number INTEGER NOT NULL, layout TEXT NOT NULL, "
    "data BLOB NOT NULL, checksum BLOB NOT NULL, PRIMARY KEY (stream, number))",
)


@contextmanager
def in_words(folder: Path, waiting: int = 0) -> Iterator[None]:
    """Turn what SQLite says into one sentence.

    Parameters
    ----------
    folder
        Of the journal.
    waiting
        Entries that a commit was about.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _sentence(error, folder, waiting) from error


def _sentence(error: sqlite3.Error, folder: Path, waiting: int) -> HepaticaError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    # with statements that never change, SQLITE_ERROR speaks of tables or columns that are not as they were made
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
        return FormatError(
            f"'{folder / DATABASE}' is damaged or no journal ({error}); bring back a copy of the folder, or begin in another one."
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StorageError(
            f"the journal in '{folder}' cannot be opened or written ({error}); give a folder that you may write to."
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StorageError(
            f"another program holds '{folder / DATABASE}' ({error}); end it and continue with --resume."
        )
    why = "the disk is full" if code == sqlite3.SQLITE_FULL else str(error)
    if waiting:
        return StorageError(
            f"the last {waiting} entries of the journal in '{folder}' could not be written: {why}; everything before them is kept: "
            "make room and continue with --resume."
        )
    return StorageError(
        f"the journal in '{folder}' could not be read or written: {why}; try again or give another folder."
    )


def check_folder(folder: Path) -> None:
    """Make the folder of a journal, unless it is there.

    Raises
    ------
    InputError
        When it is a file, or holds other files and no journal.
    StorageError
        When it cannot be made or read.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"'{folder}' is a file; give a folder for the journal.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in folder.iterdir()}
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"'{folder}' cannot be used: {reason}; give another folder for the journal.") from error
    others = sorted(names - {LOCK})
    if others and DATABASE not in names:
        raise InputError(f"'{folder}' holds other files ('{others[0]}') and no journal; give an empty or a new folder.")


def connect(folder: Path) -> sqlite3.Connection:
    """Open the database for writing, and make the file if it is not there.

    Raises
    ------
    StorageError, FormatError, UnsupportedError
        When it cannot be opened, is no database or another program's, or is of a newer format.
    """
    with in_words(folder):
        connection = _connection(folder, "rwc")
        try:
            _is_begun(connection, folder)  # before anything is changed in what may be another program's
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA fullfsync = ON")  # macOS: past the disk's own cache, too
        except BaseException:
            connection.close()
            raise
    if mode != "wal":
        connection.close()
        raise StorageError(
            f"the file system of '{folder}' does not carry a write-ahead log; give a folder on a local disk for the journal."
        )
    return connection


def connect_to_read(folder: Path) -> sqlite3.Connection:
    """Open the database of a journal for reading.

    Raises
    ------
    NotFoundError
        When there is no journal.
    StorageError, FormatError, UnsupportedError
        As for :meth:`Journal.read`.
    """
    missing = NotFoundError(f"'{folder}' holds no journal; give the folder that a run wrote with --journal.")
    if not (folder / DATABASE).is_file():
        raise missing
    log = folder / f"{DATABASE}-wal"
    with in_words(folder):
        connection = _connection(folder, "ro")
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            connection.close()
            if log.is_file() and log.stat().st_size:
                raise
            # where nobody may write, SQLite can only read what nobody does write: a journal that was closed
            connection = _connection(folder, "ro&immutable=1")
        try:
            if not _is_begun(connection, folder):
                raise missing
        except BaseException:
            connection.close()
            raise
    return connection


def _connection(folder: Path, mode: str) -> sqlite3.Connection:
    uri = f"{(folder / DATABASE).absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False)
    connection.text_factory = lambda text: text.decode("utf-8", "replace")  # damaged text fails its checksum, not here
    return connection


def _is_begun(connection: sqlite3.Connection, folder: Path) -> bool:
    """Whether there is a journal that this version reads; an empty database is none yet."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if not application and not tables:
        return False
    if application != APPLICATION:
        raise FormatError(
            f"'{folder / DATABASE}' is a database of another program; give another folder for the journal."
        )
    if version > FORMAT:
        raise UnsupportedError(
            f"the journal in '{folder}' has format {version}, newer than {FORMAT}; continue with the version of hepatica that wrote it."
        )
    return True


def begin(connection: sqlite3.Connection, folder: Path, header: Mapping[str, str], *, resume: bool) -> None:
    """Write the tables and the header, or check that they are those of this run.

    Raises
    ------
    InputError, FormatError, UnsupportedError, StorageError
        As for :meth:`Journal.open`.
    """
    for name, value in header.items():
        _check_text(name)
        _check_text(value)
    with in_words(folder):
        begun = _is_begun(connection, folder)
    if begun:
        entries = sum(counts(connection, folder).values())
        there = read_header(connection, folder)
        if there != dict(header) and (entries or resume):
            raise InputError(
                f"the journal in '{folder}' is of another run ({_differences(there, header)}); "
                "give another folder, or the settings of that run."
            )
        if entries and not resume:
            noun = "entry" if entries == 1 else "entries"
            raise InputError(
                f"the journal in '{folder}' holds {entries} {noun}; continue with --resume, or give another folder."
            )
        if there == dict(header):
            return
    with in_words(folder), _transaction(connection):
        if not begun:
            for table in TABLES:
                connection.execute(table)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("DELETE FROM header")
        rows = [(n, v, checksum((n, v), b"", b"")) for n, v in header.items()]
        connection.executemany("INSERT INTO header VALUES (?, ?, ?)", rows)


def _check_text(text: object) -> None:
    try:
        if isinstance(text, str) and text.encode("utf-8"):
            return
    except UnicodeEncodeError:
        pass
    raise InputError(f"the header of a journal has {text!r}; give text in names and values, such as digests.")


def read_header(connection: sqlite3.Connection, folder: Path) -> dict[str, str]:
    """Give the header.

    Raises
    ------
    FormatError
        When it is damaged.
    """
    with in_words(folder):
        rows = connection.execute("SELECT name, value, checksum FROM header ORDER BY name").fetchall()
    for name, value, check in rows:
        if not (isinstance(name, str) and isinstance(value, str)) or check != checksum((name, value), b"", b""):
            raise damaged(folder, f"the line '{name}' of the header does not match its checksum")
    return {name: value for name, value, _ in rows}


def counts(connection: sqlite3.Connection, folder: Path) -> dict[str, int]:
    """Give the number of entries of every stream.

    Raises
    ------
    FormatError
        When entries are missing.
    """
    with in_words(folder):
        rows = connection.execute(
            "SELECT s.name, count(e.number), max(e.number) FROM stream s JOIN entry e ON e.stream = s.id GROUP BY s.id"
        ).fetchall()
    for name, count, last in rows:
        if not isinstance(name, str) or last != count - 1:
            raise damaged(folder, f"'{name}' has {count} entries, but the last is number {last}")
    return {name: count for name, count, _ in rows}


def read_entry(connection: sqlite3.Connection, folder: Path, stream: str, index: int) -> Packed | None:
    """Give one entry, or nothing where there is none.

    Raises
    ------
    FormatError
        When it is damaged.
    """
    with in_words(folder):
        row = connection.execute(
            "SELECT CAST(layout AS BLOB), data, checksum FROM entry "
            "WHERE stream = (SELECT id FROM stream WHERE name = ?) AND number = ?",
            (stream, index),
        ).fetchone()
    if row is None:
        return None
    layout, data, check = row
    if not isinstance(layout, bytes) or not isinstance(data, bytes) or check != checksum((stream, index), layout, data):
        raise damaged(folder, f"entry {index} of '{stream}' does not match its checksum")
    return Packed(layout=layout.decode("ascii"), data=data)


def write_entries(connection: sqlite3.Connection, folder: Path, entries: Sequence[tuple[str, int, Packed]]) -> None:
    """Write entries in one transaction: all of them, or none.

    Raises
    ------
    StorageError
        When there is no room, or they cannot be written.
    """
    streams = {(stream,) for stream, _, _ in entries}
    rows = [(s, n, p.layout, p.data, checksum((s, n), p.layout.encode("ascii"), p.data)) for s, n, p in entries]
    # An interrupt just after a commit has the same entries written again; they are there, and the same
    with in_words(folder, len(entries)), _transaction(connection):
        connection.executemany("INSERT INTO stream (name) VALUES (?) ON CONFLICT (name) DO NOTHING", sorted(streams))
        connection.executemany(
            "INSERT INTO entry VALUES ((SELECT id FROM stream WHERE name = ?), ?, ?, ?, ?) "
            "ON CONFLICT (stream, number) DO NOTHING",
            rows,
        )


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def damaged(folder: Path, what: str) -> FormatError:
    """Give the error of a journal whose parts do not fit together."""
    return FormatError(
        f"'{folder / DATABASE}' is damaged: {what}; bring back a copy of the folder, or begin in another one."
    )


def _differences(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    """Name what differs between two headers."""
    parts = []
    for name in sorted(set(there) | set(here)):
        old, new = there.get(name, "nothing"), here.get(name, "nothing")
        if old != new:
            shown = [
                f"'{text[:12]}…'" if len(text) > 16 and old[:12] != new[:12] else f"'{text}'" for text in (old, new)
            ]
            parts.append(f"{name}: {shown[0]} there, {shown[1]} here")
    return "; ".join(parts)
