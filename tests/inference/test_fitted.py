import numpy as np
import pytest

from hepatica.errors import InputError, NotFoundError, UnsupportedError
from hepatica.inference import Likelihood, Trial
from hepatica.inference.fitted import fitted

from .cases import OPEN, REVERSIBLE, TIGHT, problem, values

START = REVERSIBLE.replace("A in c = 2,", "A in c,").replace("k1 = 0.8;", "A = 3*w; w = 1.5; k1 = 0.8;")


def first(made: object) -> np.ndarray:
    """What is read at time zero in each trial."""
    return Likelihood(made, tolerances=TIGHT).simulate(made.nominal[None])[0][0]  # type: ignore[attr-defined, arg-type]


def test_initial_values_come_from_conditions_where_they_give_some() -> None:
    trials = [Trial(id="model"), Trial(id="given", after=values(A=7.0)), Trial(id="estimated", after=values(A="x"))]
    for text, plain in ((REVERSIBLE, 2.0), (START, 4.5)):
        made = problem(
            text, estimates={"k1": (0.8, "log"), "x": (5.0, "lin")}, trials=trials, read=[(k, 0, 0.0) for k in range(3)]
        )
        assert first(made) == pytest.approx([plain, 7.0, 5.0])


def test_what_the_parameter_table_gives_is_never_computed() -> None:
    text = START.replace("A = 3*w;", "A = y; y = 3*w;")
    made = problem(text, estimates={"y": (9.0, "lin")}, read=[(0, 0, 0.0)])
    assert first(made) == pytest.approx([9.0])


def test_parameters_of_formulas_need_not_be_in_the_model() -> None:
    made = problem(estimates={"scale": (3.0, "log10")}, formulas=[("scale*A", "0.1*scale")], read=[(0, 0, 0.0)])
    assert first(made) == pytest.approx([6.0])


def test_the_map_of_parameters_and_its_transpose() -> None:
    made = problem(
        estimates={"k1": (0.8, "log"), "x": (5.0, "lin")}, read=[(0, 0, 0.0), (1, 0, 0.0)],
        trials=[Trial(id="one", after=values(k2="x")), Trial(id="two", after=values(k2=0.1, A="k1"))],
    )  # fmt: skip
    f = fitted(made)
    x = np.array([[0.7, 4.0], [0.2, 3.0]])
    base = f.base(x).reshape(2, f.rows, -1)
    place = {n: k for k, n in enumerate(f.kernel.parameters)}
    assert base[0, :, place["k2"]].tolist() == [4.0, 0.1]
    assert base[1, :, place["A"]].tolist() == [2.0, 0.2]
    bar = np.random.default_rng(1).normal(size=(2 * f.rows, base.shape[2]))
    moved = 1e-3 * np.random.default_rng(2).normal(size=x.shape)
    change = ((f.base(x + moved) - f.base(x)) * bar).reshape(2, -1).sum(axis=1)
    assert (f.pull(bar, x) * moved).sum(axis=1) == pytest.approx(change, rel=1e-9)


@pytest.mark.parametrize(
    ("trial", "formula", "kind", "message"),
    [
        (Trial(id="t"), "AA", NotFoundError, r"'AA', which is neither in the model nor a parameter\. Did you mean 'A'"),
        (
            Trial(id="t", after=values(k1="k3")),
            "A",
            NotFoundError,
            "'k3', which is neither in the model nor a parameter",
        ),
        (Trial(id="t", after=values(S=1.0)), "A", InputError, "sets 'S', which a rule of the model computes"),
        (
            Trial(id="t", after=values(forward=1.0)),
            "A",
            InputError,
            "sets 'forward', which a rule of the model computes",
        ),
    ],
)
def test_what_is_refused(trial: Trial, formula: str, kind: type[InputError], message: str) -> None:
    text = REVERSIBLE.replace("k1 = 0.8;", "k1 = 0.8; var S; S := A + B;")
    with pytest.raises(kind, match=message):
        Likelihood(problem(text, estimates={"k1": (0.8, "lin")}, trials=[trial], formulas=[(formula, "1")]))


def test_a_concentration_in_a_changing_compartment_after_preequilibration() -> None:
    text = OPEN.replace("compartment c = 1;", "compartment c; c = 1; c' = 0;")
    trial = Trial(id="t", before=values(v=1.0), after=values(A=1.0))
    with pytest.raises(UnsupportedError, match="sets 'A' after pre-equilibration, a concentration in a compartment"):
        Likelihood(problem(text, estimates={"k1": (0.8, "lin")}, trials=[trial]))
