"""The machinery that runs and judges the suites."""

import os
import time

import pytest
from suites import pool, table
from suites.outcome import Outcome, kind_of, read_record, reason_of, worse, write_record
from suites.pool import Task, run_tasks


def outcome(what, case="1", level="3.2", reason=""):
    return Outcome(suite="s", case=case, level=level, outcome=what, reason=reason)


def test_a_record_is_read_as_it_was_written(tmp_path):
    each = [outcome("passed"), outcome("passed", level="3.1"), outcome("refused", level="1.2", reason="a 'b'\tc")]
    each.append(outcome("failed", case="2", level="", reason="stopped"))
    write_record(reversed(each), tmp_path / "record.tsv")
    assert read_record(tmp_path / "record.tsv") == {one.key: one for one in each}
    assert (tmp_path / "record.tsv").read_text().count("\n") == 4
    assert read_record(tmp_path / "none.tsv") == {}


@pytest.mark.parametrize(
    ("before", "after", "behind"),
    [
        ("passed", "passed", False), ("passed", "refused", True), ("passed", "failed", True), ("refused", "failed", True),
        ("failed", "refused", False), ("refused", "passed", False), ("wrong", "wrong", True), ("passed", "wrong", True),
    ],
)  # fmt: skip
def test_worse_is_wrong_or_behind_the_record(before, after, behind):
    old, new = outcome(before), outcome(after)
    assert worse([new], {old.key: old}) == ([(new, before)] if behind else [])


def test_a_new_case_is_worse_only_when_wrong():
    assert worse([outcome("failed"), outcome("refused")], {}) == []
    assert worse([outcome("wrong")], {}) == [(outcome("wrong"), "not recorded")]


def test_a_process_that_died_is_held_against_the_best_level():
    record = {o.key: o for o in (outcome("passed"), outcome("refused", level="1.2"))}
    died = outcome("failed", level="")
    assert worse([died], record) == [(died, "passed")]


def test_reasons_lose_place_and_names():
    error = ValueError("SBML text (flattened):12: parameter 'k' is 1.5;\nexpected 'x'.")
    assert reason_of(error) == "parameter 'k' is 1.5; expected 'x'."
    assert reason_of(ValueError("model.xml:3: no.")) == "no."
    assert kind_of(reason_of(error)) == "parameter '...' is N; expected '...'."
    text = table.reasons([outcome("refused", case=str(i), reason=f"no '{i}'") for i in range(7)])
    assert text == "    7  no '...'  [0 (3.2), 1 (3.2), 2 (3.2), 3 (3.2), 4 (3.2), ...]"


def test_a_table_counts_by_group():
    lines = table.counts("suite", {"a": [outcome("passed"), outcome("wrong")], "b": []}).splitlines()
    assert [line.split() for line in lines] == [
        ["suite", "passed", "refused", "failed", "wrong", "all"],
        ["a", "1", "-", "-", "1", "2"],
        ["b", "-", "-", "-", "-", "0"],
    ]


def test_what_hangs_dies_or_raises_is_a_failed_case_and_the_rest_goes_on(monkeypatch):
    monkeypatch.setattr(pool, "START", 20.0)
    tasks = [
        Task(suite="s", case=600, work=time.sleep, seconds=-19.0),
        Task(suite="s", case=3, work=os._exit),
        Task(suite="s", case="x", work=int),
        Task(suite="s", case="", work=list),
    ]
    ended = {task.case: found for task, found in run_tasks(tasks, 2)}
    assert [o.reason for o in ended[600]] == ["timeout: more than -19 s"]
    assert [o.reason for o in ended[3]] == ["the process died with exit code 3"]
    assert [o.reason for o in ended["x"]] == ["ValueError: invalid literal for int() with base 10: 'x'"]
    assert ended[""] == []
    assert {o.outcome for found in ended.values() for o in found} == {"failed"}
