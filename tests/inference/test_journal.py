import sqlite3
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hepatica.errors import FormatError, HepaticaError, InputError, NotFoundError, StorageError, UnsupportedError
from hepatica.inference import Journal, database
from hepatica.inference import journal as module
from hepatica.inference.packing import pack

HEADER = {"problem": "0123456789abcdef" * 4, "seed": "1"}
NEVER = 3600.0  # s; no commit by time within a test
VALUES = hnp.arrays(np.float64, hnp.array_shapes(min_dims=0, max_dims=2, min_side=0), elements=st.floats(width=64))
STREAMS = st.dictionaries(
    st.text(min_size=1, max_size=8).filter(str.isprintable), st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=2), max_size=4)
)  # fmt: skip


def entry(value):
    return {"value": np.array(float(value)), "gradient": np.full(100, float(value))}


def fill(folder, count=5, stream="a", **options):
    with Journal.open(folder, HEADER, **options) as journal:
        for k in range(count):
            journal.append(stream, k, entry(k))


@given(STREAMS)
@settings(max_examples=25)
def test_what_goes_in_comes_out(tmp_path_factory, streams):
    folder = tmp_path_factory.mktemp("journal")
    with Journal.open(folder, HEADER) as journal:
        for name, entries in streams.items():
            for k, arrays in enumerate(entries):
                journal.append(name, k, arrays)
        inside = {name: [pack(e) for e in journal.entries(name)] for name in journal.streams()}
    with Journal.read(folder) as journal:
        outside = {name: [pack(e) for e in journal.entries(name)] for name in journal.streams()}
        assert journal.header == HEADER
    assert inside == outside == {name: [pack(e) for e in entries] for name, entries in streams.items() if entries}


def test_entries_from_the_middle(tmp_path):
    fill(tmp_path)
    with Journal.read(tmp_path) as journal:
        assert [float(e["value"]) for e in journal.entries("a", start=3)] == [3, 4]
        assert list(journal.entries("a", start=5)) == []
        assert list(journal.entries("none")) == []
        assert journal.count("none") == 0
        with pytest.raises(InputError, match="the first entry -1 is out of range"):
            next(journal.entries("a", start=-1))
        with pytest.raises(NotFoundError, match="has no entry 5 of 'a', which has 5"):
            journal.entry("a", 5)


def test_after_closing_one_file_holds_all(tmp_path):
    fill(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"journal.sqlite", "journal.lock"}


def test_others_read_it_with_sqlite(tmp_path):
    fill(tmp_path, 2)
    connection = sqlite3.connect(tmp_path / "journal.sqlite")
    rows = connection.execute(
        "SELECT name, number, layout, data FROM entry JOIN stream ON entry.stream = stream.id"
    ).fetchall()
    header = dict(connection.execute("SELECT name, value FROM header"))
    connection.close()
    assert header == HEADER
    assert rows[1][:3] == ("a", 1, '[["gradient","<f8",[100]],["value","<f8",[]]]')
    assert np.frombuffer(rows[1][3], "<f8").tolist() == [1.0] * 101


def test_the_same_entry_again_changes_nothing(tmp_path):
    fill(tmp_path)
    with Journal.open(tmp_path, HEADER, resume=True) as journal:
        journal.append("a", 2, entry(2))
        assert journal.count("a") == 5
        with pytest.raises(InputError, match="entry 2 of 'a' differs from the one in the journal"):
            journal.append("a", 2, entry(7))
        with pytest.raises(InputError, match="differs from the one"):
            journal.append("a", 2, entry(2) | {"more": np.zeros(1)})


@pytest.mark.parametrize("index", [-1, 6])
def test_no_entry_is_left_out(tmp_path, index):
    fill(tmp_path)
    with (
        Journal.open(tmp_path, HEADER, resume=True) as journal,
        pytest.raises(InputError, match=f"entry {index} of 'a' came where 5 was"),
    ):
        journal.append("a", index, entry(1))


@pytest.mark.parametrize("stream", ["", "a\nb", "\ud800"])
def test_names_of_streams_can_be_shown(tmp_path, stream):
    with Journal.open(tmp_path, HEADER) as journal, pytest.raises(InputError, match="give printable characters"):
        journal.append(stream, 0, entry(1))


def test_an_entry_has_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 1000)
    with Journal.open(tmp_path, HEADER) as journal:
        journal.append("a", 0, {"x": np.zeros(100)})
        with pytest.raises(InputError, match=r"an entry of 'a' has 80\d\d bytes; at most 1000 are kept: divide it"):
            journal.append("a", 1, {"x": np.zeros(1000)})


def test_commits_by_number(tmp_path):
    with Journal.open(tmp_path, HEADER, interval=NEVER, rows=4) as journal, Journal.read(tmp_path) as reader:
        seen = []
        for k in range(9):
            journal.append("a", k, entry(k))
            seen.append((reader.count("a"), journal.pending))
        assert seen == [(0, 1), (0, 2), (0, 3), (4, 0), (4, 1), (4, 2), (4, 3), (8, 0), (8, 1)]
        journal.flush()
        assert (reader.count("a"), journal.pending) == (9, 0)


def test_commits_by_size(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BYTES", 1500)
    with Journal.open(tmp_path, HEADER, interval=NEVER) as journal:
        journal.append("a", 0, entry(0))
        assert journal.pending == 1
        journal.append("a", 1, entry(1))
        assert journal.pending == 0


def test_commits_by_time_though_nothing_more_comes(tmp_path):
    with Journal.open(tmp_path, HEADER, interval=0.01) as journal, Journal.read(tmp_path) as reader:
        journal.append("a", 0, entry(0))
        give_up = time.monotonic() + 60
        while not reader.count("a"):
            assert time.monotonic() < give_up
            time.sleep(0.005)
        assert journal.pending == 0


def test_what_is_overdue_is_committed_by_the_next(tmp_path, monkeypatch):
    with Journal.open(tmp_path, HEADER, interval=NEVER) as journal:
        journal.append("a", 0, entry(0))
        later = time.monotonic() + 2 * NEVER
        monkeypatch.setattr(module.time, "monotonic", lambda: later)
        journal.append("a", 1, entry(1))
        assert journal.pending == 0


def test_a_commit_that_came_before_an_interrupt_is_not_doubled(tmp_path, monkeypatch):
    write = database.write_entries

    def interrupted(*arguments):
        write(*arguments)
        raise KeyboardInterrupt

    with Journal.open(tmp_path, HEADER, interval=NEVER) as journal:
        journal.append("a", 0, entry(0))
        monkeypatch.setattr(database, "write_entries", interrupted)
        with pytest.raises(KeyboardInterrupt):
            journal.flush()
        monkeypatch.undo()
        journal.flush()
        assert (journal.count("a"), journal.pending) == (1, 0)


def test_threads_write_their_own_streams(tmp_path):
    def write(stream):
        for k in range(200):
            journal.append(stream, k, entry(k))

    with Journal.open(tmp_path, HEADER, interval=0.001, rows=7) as journal:
        threads = [threading.Thread(target=write, args=(f"thread {k}",)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with Journal.read(tmp_path) as journal:
        assert {s: journal.count(s) for s in journal.streams()} == {f"thread {k}": 200 for k in range(4)}
        assert [float(e["value"]) for e in journal.entries("thread 3")] == list(range(200))


def test_another_run_is_named(tmp_path):
    fill(tmp_path)
    other = {"problem": "fedcba9876543210" * 4, "seed": "1", "version": "2"}
    for resume in (False, True):
        with pytest.raises(InputError) as refused:
            Journal.open(tmp_path, other, resume=resume)
        assert str(refused.value) == (
            f"the journal in '{tmp_path}' is of another run (problem: '0123456789ab…' there, 'fedcba987654…' here; "
            "version: 'nothing' there, '2' here); give another folder, or the settings of that run."
        )


@pytest.mark.parametrize("header", [{"seed": 1}, {"": "1"}, {"path": "\ud800"}], ids=str)
def test_headers_are_text(tmp_path, header):
    with pytest.raises(InputError, match=r"the header of a journal has .*; give text in names and values"):
        Journal.open(tmp_path, header)


def test_digests_that_begin_alike_are_shown_whole(tmp_path):
    fill(tmp_path)
    with pytest.raises(InputError, match=f"problem: '{HEADER['problem']}' there, '{HEADER['problem'][:-1]}0' here"):
        Journal.open(tmp_path, HEADER | {"problem": HEADER["problem"][:-1] + "0"})


def test_entries_are_not_written_over(tmp_path):
    fill(tmp_path, 1)
    with pytest.raises(InputError, match="holds 1 entry; continue with --resume, or give another folder"):
        Journal.open(tmp_path, HEADER)
    fill(tmp_path, 3, resume=True)
    with pytest.raises(InputError, match="holds 3 entries; continue"):
        Journal.open(tmp_path, HEADER)


def test_a_journal_without_entries_begins_anew(tmp_path):
    fill(tmp_path, 0)
    with pytest.raises(InputError, match="seed: '1' there, '2' here"):
        Journal.open(tmp_path, HEADER | {"seed": "2"}, resume=True)
    with Journal.open(tmp_path, {"seed": "2"}) as journal:
        assert journal.header == {"seed": "2"}
    with Journal.read(tmp_path) as journal:
        assert journal.header == {"seed": "2"}


def test_folders_that_are_not_ours(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds other files \('thesis.txt'\) and no journal"):
        Journal.open(tmp_path, HEADER)
    with pytest.raises(InputError, match=r"thesis.txt' is a file; give a folder"):
        Journal.open(tmp_path / "thesis.txt", HEADER)
    with pytest.raises(StorageError, match="cannot be used: not a directory"):
        Journal.open(tmp_path / "thesis.txt" / "deeper", HEADER)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(NotFoundError, match="holds no journal"):
            Journal.read(folder)


def test_a_database_of_another_program_stays_as_it_is(tmp_path):
    path = tmp_path / "journal.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    for attempt in (lambda: Journal.open(tmp_path, HEADER, resume=True), lambda: Journal.read(tmp_path)):
        with pytest.raises(FormatError, match=r"journal.sqlite' is a database of another program"):
            attempt()
    assert path.read_bytes() == before


def test_a_newer_format(tmp_path):
    fill(tmp_path)
    connection = sqlite3.connect(tmp_path / "journal.sqlite")
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    for attempt in (lambda: Journal.open(tmp_path, HEADER, resume=True), lambda: Journal.read(tmp_path)):
        with pytest.raises(
            UnsupportedError, match="has format 2, newer than 1; continue with the version of hepatica that wrote it"
        ):
            attempt()


def test_no_database_at_all(tmp_path):
    (tmp_path / "journal.sqlite").write_text("a letter, not a database\n" * 200)
    for attempt in (lambda: Journal.open(tmp_path, HEADER, resume=True), lambda: Journal.read(tmp_path)):
        with pytest.raises(FormatError, match=r"journal.sqlite' is damaged or no journal \(file is not a database\)"):
            attempt()


def test_a_journal_that_was_cut_off_before_its_first_commit(tmp_path):
    (tmp_path / "journal.sqlite").touch()
    (tmp_path / "journal.lock").touch()
    with pytest.raises(NotFoundError, match="holds no journal"):
        Journal.read(tmp_path)
    fill(tmp_path, resume=True)


def read_all(folder):
    with Journal.read(folder) as journal:
        return [e for stream in journal.streams() for e in journal.entries(stream)]


def flip(path, pattern):
    data = bytearray(path.read_bytes())
    place = data.find(pattern)
    assert place > 0
    assert data.count(pattern) == 1
    data[place + len(pattern) // 2] ^= 4
    path.write_bytes(data)


def marked(folder):
    with Journal.open(folder, HEADER) as journal:
        for k in range(5):
            journal.append("start 17", k, {"of this" if k == 3 else "x": np.full(50, 1.25 + k)})
        return pack(journal.entry("start 17", 3))


@pytest.mark.parametrize("part", ["data", "layout", "checksum"])
def test_a_flipped_byte_is_noticed_and_named(tmp_path, part):
    packed = marked(tmp_path)
    path = tmp_path / "journal.sqlite"
    connection = sqlite3.connect(path)
    check = connection.execute("SELECT checksum FROM entry WHERE number = 3").fetchone()[0]
    connection.close()
    flip(path, {"data": packed.data, "layout": packed.layout.encode(), "checksum": check}[part])
    with Journal.read(tmp_path) as journal:
        assert [len(e["x"]) for e in (journal.entry("start 17", k) for k in (0, 1, 2, 4))] == [50] * 4
        with pytest.raises(
            FormatError, match=r"journal.sqlite' is damaged: entry 3 of 'start 17' does not match its checksum"
        ):
            list(journal.entries("start 17"))


def test_a_flipped_byte_in_the_header(tmp_path):
    marked(tmp_path)
    flip(tmp_path / "journal.sqlite", HEADER["problem"].encode())
    for attempt in (lambda: Journal.open(tmp_path, HEADER, resume=True), lambda: Journal.read(tmp_path)):
        with pytest.raises(FormatError, match="the line 'problem' of the header does not match its checksum"):
            attempt()


def test_entries_in_each_others_place_are_noticed(tmp_path):
    fill(tmp_path)
    change(tmp_path, "UPDATE entry SET number = CASE number WHEN 1 THEN 12 ELSE 11 END WHERE number IN (1, 2)")
    change(tmp_path, "UPDATE entry SET number = number - 10 WHERE number > 10")
    with Journal.read(tmp_path) as journal, pytest.raises(FormatError, match="entry 1 of 'a' does not match"):
        list(journal.entries("a"))


def test_a_missing_entry_is_noticed(tmp_path):
    fill(tmp_path)
    change(tmp_path, "DELETE FROM entry WHERE number = 1")
    with pytest.raises(FormatError, match="is damaged: 'a' has 4 entries, but the last is number 4"):
        Journal.open(tmp_path, HEADER, resume=True)
    with pytest.raises(FormatError, match="'a' has 4 entries"):
        read_all(tmp_path)


def change(folder, statement):
    connection = sqlite3.connect(folder / "journal.sqlite", isolation_level=None)
    connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("left", [50, 1000, 4096, 4 * 4096, 5 * 4096 + 7, -4096])
def test_a_file_cut_short_is_named(tmp_path, left):
    fill(tmp_path, 40)
    path = tmp_path / "journal.sqlite"
    data = path.read_bytes()
    assert len(data) > 10 * 4096
    path.write_bytes(data[:left])
    for attempt in (lambda: Journal.open(tmp_path, HEADER, resume=True), lambda: read_all(tmp_path)):
        with pytest.raises(FormatError, match=r"journal.sqlite' is damaged or no journal \(.+\); bring back a copy"):
            attempt()


def test_whatever_is_cut_or_flipped_no_wrong_number_is_read(tmp_path):
    fill(tmp_path, 30)
    path = tmp_path / "journal.sqlite"
    whole, data = [pack(e) for e in read_all(tmp_path)], path.read_bytes()
    rng = np.random.default_rng(1)
    noticed = []
    for place in [*range(100), *rng.integers(100, len(data), 300)]:
        for cut in (False, True):
            bit = 1 << int(rng.integers(8))
            path.write_bytes(data[:place] if cut else data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
            try:
                assert [pack(e) for e in read_all(tmp_path)] == whole  # only what is not used was changed
            except HepaticaError as error:
                sentence = str(error)
                noticed.append(True)
            else:
                noticed.append(False)
                sentence = str(tmp_path)
            assert str(tmp_path) in sentence
            assert {p.name for p in tmp_path.iterdir()} <= {
                path.name,
                "journal.lock",
                f"{path.name}-wal",
                f"{path.name}-shm",
            }
    assert sum(noticed) > len(noticed) / 2


def test_a_lasting_transaction_of_another_program(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY", 0.01)
    fill(tmp_path)
    with Journal.open(tmp_path, HEADER, resume=True, interval=NEVER) as journal:
        other = sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        journal.append("a", 5, entry(5))
        with pytest.raises(StorageError, match=r"another program holds .*journal\.sqlite"):
            journal.flush()
        assert journal.pending == 1
        other.close()
        journal.flush()
        assert read_all(tmp_path)[5]["value"] == 5


def test_a_disk_that_is_full(tmp_path):
    """The page limit makes SQLite say what it says on a full disk; ``test_crash.py`` fills real files."""
    with Journal.open(tmp_path, HEADER, interval=NEVER, rows=10) as journal:
        for k in range(10):
            journal.append("a", k, entry(k))
        pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
        journal._connection.execute(f"PRAGMA max_page_count = {pages}")
        for k in range(10, 19):
            journal.append("a", k, entry(k))
        for _ in range(2):
            with pytest.raises(StorageError) as full:
                journal.append("a", 19, entry(19))
            assert str(full.value) == (
                f"the last 10 entries of the journal in '{tmp_path}' could not be written: the disk is full; everything before "
                "them is kept: make room and continue with --resume."
            )
        assert len(read_all(tmp_path)) == 10
        journal._connection.execute("PRAGMA max_page_count = 1000000")
        journal.append("a", 19, entry(19))
    assert [float(e["value"]) for e in read_all(tmp_path)] == list(range(20))


def test_what_ended_the_run_is_the_error_and_lost_entries_are_a_note(tmp_path):
    def end(error):
        with Journal.open(tmp_path, HEADER, resume=True, interval=NEVER) as journal:
            pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
            journal._connection.execute(f"PRAGMA max_page_count = {pages}")
            for k in range(30):
                journal.append("a", k, entry(k))
            if error:
                raise error

    with pytest.raises(ZeroDivisionError) as ended:
        end(ZeroDivisionError())
    assert ended.value.__notes__[0].startswith("the last 30 entries of the journal")
    with pytest.raises(StorageError, match="the last 30 entries of the journal"):
        end(None)
    fill(tmp_path, 30)  # and the lock is free


def test_reading_is_not_writing_and_closed_is_closed(tmp_path):
    fill(tmp_path)
    with Journal.read(tmp_path) as reader:
        with pytest.raises(InputError, match="was opened for reading"):
            reader.append("a", 5, entry(5))
        with pytest.raises(InputError, match="was opened for reading"):
            reader.flush()
    for use in (lambda: reader.count("a"), lambda: reader.entry("a", 0), lambda: reader.append("a", 5, entry(5))):
        with pytest.raises(InputError, match="was closed; open it again"):
            use()
    reader.close()


def test_a_file_system_without_shared_memory_is_named(tmp_path, monkeypatch):
    class Other(sqlite3.Connection):
        def execute(self, statement, *rest):
            return super().execute(statement.replace("= WAL", "= DELETE"), *rest)

    connect = sqlite3.connect
    monkeypatch.setattr(database.sqlite3, "connect", lambda *a, **k: connect(*a, factory=Other, **k))
    with pytest.raises(StorageError, match="does not carry a write-ahead log; give a folder on a local disk"):
        Journal.open(tmp_path, HEADER)
    monkeypatch.undo()
    fill(tmp_path)  # the lock was let go
