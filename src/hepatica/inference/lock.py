"""One writer at a time: a lock that the operating system holds for a process, and lets go of when the process ends, however it ends."""

import json
import os
import socket
import sys
import weakref
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from hepatica.errors import StorageError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FAR = 1 << 30  # the byte that Windows locks; it lies behind the text, which others may read


class WriterLock:
    """The right to write, held until :meth:`release` or the end of the process.

    Parameters
    ----------
    path
        The lock's file; it is made if it is not there, never removed, and says who holds the lock.

    Raises
    ------
    StorageError
        When another process, or another lock of this one, holds it; or the file cannot be made or locked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StorageError(
                f"'{path.parent}' cannot be written to: {reason}; give another folder for the journal."
            ) from error
        try:
            self._acquire()
        except BaseException:
            os.close(self._file)
            raise
        if sys.platform != "win32":
            # A forked process shares the lock, and would keep it after this one was killed
            os.register_at_fork(after_in_child=partial(_let_go, weakref.ref(self)))

    def _acquire(self) -> None:
        try:
            if sys.platform == "win32":
                os.lseek(self._file, FAR, os.SEEK_SET)
                msvcrt.locking(self._file, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise StorageError(
                f"the journal in '{self.path.parent}' is being written by {_holder(self.path)}; "
                "wait for it, end it, or give another folder."
            ) from error
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StorageError(
                f"'{self.path}' cannot be locked: {reason}; give a folder on a local disk for the journal."
            ) from error
        who = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now(UTC).isoformat("T", "seconds")}
        self._say(json.dumps(who))

    def _say(self, text: str) -> None:
        """Write who holds the lock; that nobody could read it later, on a full disk, is no reason not to hold it."""
        try:
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, text.encode())
        except OSError:
            return

    def release(self) -> None:
        """Let another writer in."""
        self._say("")
        if sys.platform == "win32":
            os.lseek(self._file, FAR, os.SEEK_SET)
            msvcrt.locking(self._file, msvcrt.LK_UNLCK, 1)
        self.close()

    def close(self) -> None:
        """Close the file; where it is not shared with a parent process, this lets go of the lock."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


def _let_go(lock: weakref.ref[WriterLock]) -> None:
    held = lock()
    if held is not None:
        held.close()


def _holder(path: Path) -> str:
    try:
        who = json.loads(path.read_text(encoding="utf-8"))
        return f"process {who['pid']} on {who['host']} since {who['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"  # which has not yet said who it is, or could not
