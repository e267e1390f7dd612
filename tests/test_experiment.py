"""Changes, arms, experiments."""

import pytest
import xarray as xr

from hepatica.errors import InputError, UnitError
from hepatica.experiment import Arm, Assay, CellLine, Change, Experiment, Intervention


class Reading(Assay):
    times = (0.0, 60.0)
    observables = ("pERK",)

    def read(self, simulation, seed=None):
        return xr.DataArray(0.0)


def arm(name):
    return Arm(id=name)


def test_change_of_unknown_kind():
    with pytest.raises(
        InputError, match=r"^change of 'x': 'sett' is none of set, scale, add, infuse\. Did you mean 'set'\?$"
    ):
        Change(target="x", how="sett", value=1.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_change_to_a_value_that_is_not_finite(value):
    with pytest.raises(InputError, match=rf"^change of 'x': the value is {value}; expected a finite number\.$"):
        Change(target="x", value=value)


def test_negative_factor():
    with pytest.raises(InputError, match=r"^change of 'x': the factor is -1; expected zero or more\.$"):
        Change(target="x", how="scale", value=-1.0)
    assert Change(target="x", how="add", value=-1.0).value == -1.0


def test_infusion_without_start():
    with pytest.raises(InputError, match=r"^change of 'x': an infusion needs a start\.$"):
        Change(target="x", how="infuse", value=1.0)


@pytest.mark.parametrize(("start", "stop"), [(5.0, 5.0), (5.0, 4.0), (None, 0.0)])
def test_stop_before_start(start, stop):
    with pytest.raises(
        InputError, match=rf"^change of 'x': stop \({stop:g} min\) must follow start \({start} min\)\.$"
    ):
        Change(target="x", value=1.0, start=start, stop=stop)


def test_unknown_unit():
    with pytest.raises(UnitError, match=r"^the unit 'nMM' is unknown\. Did you mean 'nM'\?$"):
        Change(target="x", value=1.0, unit="nMM")


def test_arm_merges_labels_and_its_own_win():
    first = Intervention(id="a", labels={"manipulation": "a", "dose": 1.0}, changes=(Change(target="x", value=1.0),))
    second = Intervention(id="b", labels={"manipulation": "b"}, changes=(Change(target="y", value=2.0),))
    merged = Arm(id="a + b", interventions=(first, second), labels={"dose": 2.0})
    assert merged.all_labels == {"manipulation": "b", "dose": 2.0}
    assert [c.target for c in merged.changes] == ["x", "y"]


def test_experiment_without_arms():
    with pytest.raises(InputError, match=r"^experiment 'e' has no arms; give at least one\.$"):
        Experiment(id="e", arms=(), assay=Reading())


def test_experiment_with_equal_arms():
    with pytest.raises(InputError, match=r"^experiment 'e' has two arms 'a'; give each its own id\.$"):
        Experiment(id="e", arms=(arm("a"), arm("b"), arm("a")), assay=Reading())


def test_experiment():
    made = Experiment(id="e", arms=(arm("a"), arm("b")), assay=Reading(), cell_line=CellLine(id="HepG2"))
    assert made.equilibrate
    assert made.cell_line.id == "HepG2"


def test_assay_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Assay()
