import numpy as np
import pytest

from hepatica.errors import InputError
from hepatica.inference import Journal, Replay

X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def square(x):
    return {"value": np.array(float(x @ x)), "gradient": 2 * x}


def never(x):
    raise AssertionError("computed what was recorded")


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path / "journal", {}) as journal:
        replay = Replay(journal, "s")
        for x in X[:2]:
            replay.call(x, square)
        yield journal


def test_recorded_evaluations_are_not_computed(journal):
    replay = Replay(journal, "s")
    assert (replay.recorded, replay.calls) == (2, 0)
    assert float(replay.call(X[0], never)["value"]) == 5
    assert replay.call(X[1], never)["gradient"].tolist() == [6, 8]
    assert float(replay.call(X[2], square)["value"]) == 61
    assert (replay.calls, journal.count("s")) == (3, 3)
    assert journal.entry("s", 2)["arguments"].tolist() == [5, 6]


def test_recorded_and_new_results_are_alike_in_memory(tmp_path):
    def results(x):
        return {"b": np.asfortranarray(np.outer(x, x)), "a": np.array(1, ">i4"), "c": x[::2]}

    with Journal.open(tmp_path, {}) as journal:
        new = Replay(journal, "s").call(X[0], results)
        old = Replay(journal, "s").call(X[0], never)
    for one in (new, old):
        assert list(one) == ["a", "b", "c"]
        assert all(
            v.flags.c_contiguous and v.flags.owndata and v.flags.writeable and v.dtype.isnative for v in one.values()
        )
    assert [v.tobytes() for v in new.values()] == [v.tobytes() for v in old.values()]


def test_arguments_are_kept_as_they_were_asked(tmp_path):
    def spoil(x):
        x[:] = 0
        return {"value": np.array(1.0)}

    x = X[0].copy()
    with Journal.open(tmp_path, {}) as journal:
        Replay(journal, "s").call(x, spoil)
        assert journal.entry("s", 0)["arguments"].tolist() == x.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (
            [1.0, np.nextafter(2.0, 3.0)],
            r"argument 1 is np.float64\(2.0\) there, np.float64\(2.0000000000000004\) here",
        ),
        ([1.0, np.nan], r"argument 1 is np.float64\(2.0\) there, np.float64\(nan\) here"),
        ([1.0, 2.0, 3.0], r"float64 of shape \(2,\) there, float64 of shape \(3,\) here"),
        (np.array([1, 2]), r"float64 of shape \(2,\) there, int64 of shape \(2,\) here"),
    ],
    ids=["value", "nan", "shape", "dtype"],
)
def test_another_run_is_refused(journal, arguments, what):
    with pytest.raises(
        InputError,
        match=rf"^evaluation 0 of 's' is not the one in the journal '.*' \({what}\): this run is another one; ",
    ):
        Replay(journal, "s").call(np.asarray(arguments), never)


def test_bits_decide(tmp_path):
    with Journal.open(tmp_path, {}) as journal:
        Replay(journal, "s").call(np.array([np.nan, 0.0]), lambda x: {})
        assert Replay(journal, "s").call(np.array([np.nan, 0.0]), never) == {}
        with pytest.raises(InputError, match=r"argument 1 is np.float64\(0.0\) there, np.float64\(-0.0\) here"):
            Replay(journal, "s").call(np.array([np.nan, -0.0]), never)


def test_a_stream_of_something_else(tmp_path):
    with Journal.open(tmp_path, {}) as journal:
        journal.append("s", 0, {"x": np.zeros(1)})
        with pytest.raises(InputError, match=r"no arguments there, float64 of shape \(2,\) here"):
            Replay(journal, "s").call(X[0], never)


def test_a_failed_evaluation_is_not_recorded(journal):
    replay = Replay(journal, "t")
    with pytest.raises(ZeroDivisionError):
        replay.call(X[0], lambda x: {"value": np.array(1 / 0)})
    with pytest.raises(InputError, match="a result is named 'arguments'"):
        replay.call(X[0], lambda x: {"arguments": x})
    assert (replay.calls, journal.count("t")) == (0, 0)
    assert float(replay.call(X[0], square)["value"]) == 5
