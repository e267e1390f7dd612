import numpy as np
import pytest

from hepatica.errors import FormatError, InputError, NotFoundError
from hepatica.inference import read_petab
from hepatica.model import Number, Symbol

from .conftest import TABLES, Writer


def test_a_problem(written: Writer) -> None:
    problem = read_petab(written())
    assert [p.id for p in problem.estimated] == ["k1", "k2", "sd"]
    assert problem.nominal == pytest.approx([np.log10(0.8), np.log(0.6), 0.3])
    assert [t.after for t in problem.trials] == [{"a0": Number(1.0)}, {"a0": Number(2.5)}]
    assert [o.noise for o in problem.observables] == [Symbol("sd"), Number(0.5)]
    assert problem.trial.tolist() == [0, 0, 1, 1]
    assert problem.values.tolist() == [2.0, 1.4, 2.5, 1.5]


def test_placeholders_make_other_observables(written: Writer) -> None:
    problem = read_petab(
        written(
            observables="observableId observableFormula noiseFormula\n"
            "a observableParameter1_a*A+observableParameter2_a noiseParameter1_a\nb B 0.5\n",
            measurements="observableId simulationConditionId time measurement observableParameters noiseParameters\n"
            "a one 0 2 2;k1 sd\na one 1 2 2;k1 sd\na one 2 2 3;k1 0.2\nb one 1 1  \n",
        )
    )
    assert len(problem.observables) == 3
    assert problem.observable.tolist() == [0, 0, 1, 2]


PARAMETERS, MEASUREMENTS, OBSERVABLES = TABLES["parameters"], TABLES["measurements"], TABLES["observables"]


@pytest.mark.parametrize(
    ("table", "text", "kind", "message"),
    [
        ("measurements", MEASUREMENTS.replace("one 0", "on 0"), NotFoundError, "condition 'on', .* Did you mean 'one'"),
        ("measurements", MEASUREMENTS.replace("a one 0", "aa one 0"), NotFoundError, "observable 'aa', .* Did you mean"),
        ("measurements", MEASUREMENTS.replace("0 2\n", "0 two\n"), FormatError, "measurement 1: the measurement 'two' is no number"),
        ("measurements", MEASUREMENTS.replace("0 2\n", "early 2\n"), FormatError, "measurement 1: the time 'early' is no number"),
        ("measurements", MEASUREMENTS.replace("0 2\n", "0 \n"), FormatError, "measurement 1: the measurement '' is no number"),
        ("measurements", MEASUREMENTS.split("\n")[0] + "\n", FormatError, "no measurements"),
        ("measurements", MEASUREMENTS.replace(" measurement\n", " value\n"), FormatError, "no column 'measurement'"),
        ("parameters", PARAMETERS.replace("log10", "log2"), FormatError, "parameter 'k1': the scale 'log2' is none of lin, log"),
        ("parameters", PARAMETERS.replace("0.8 1", "0.8 maybe"), FormatError, "parameter 'k1': 'estimate' 'maybe' is no number"),
        ("parameters", PARAMETERS.replace("0.8 1", "much 1"), FormatError, "parameter 'k1': nominalValue 'much' is no number"),
        ("parameters", PARAMETERS.replace("1e3 0.8", "top 0.8"), FormatError, "parameter 'k1': upperBound 'top' is no number"),
        ("parameters", PARAMETERS.replace("k2", "k1"), FormatError, "parameter 'k1' has 2 rows"),
        ("parameters", PARAMETERS.replace("0.8 1", " 0"), FormatError, "parameter 'k1' is not estimated and has no nominalValue"),
        ("parameters", PARAMETERS.replace("k1 log10 1e-3 1e3", "k1 log10 5 2"), FormatError, "'k1' has the bounds 5 and 2"),
        ("conditions", "conditionId a0\none 1\none 2\ntwo 2\n", FormatError, "condition 'one' has 2 rows"),
        ("observables", OBSERVABLES + "b A 0.5\n", FormatError, "observable 'b' has 2 rows"),
        ("observables", OBSERVABLES.replace("2*A", "2*"), FormatError, "observable 'a': .* is no formula"),
        ("observables", OBSERVABLES.replace("2*A sd", "2*A sd*"), FormatError, "noise of observable 'a': .* is no formula"),
        ("observables", OBSERVABLES.replace("2*A", ""), FormatError, "observable 'a': '' is no formula"),
        ("observables", "observableId observableFormula noiseFormula observableTransformation\na A 1 sqrt\nb B 1 lin\n",
         FormatError, "observable 'a': the transformation 'sqrt' is none of lin, log, log10"),
        ("observables", "observableId observableFormula noiseFormula noiseDistribution\na A 1 cauchy\nb B 1 normal\n",
         FormatError, "observable 'a': the noise distribution 'cauchy' is none of normal, laplace"),
        ("observables", OBSERVABLES.replace("2*A", "observableParameter1_a*A"), FormatError,
         "observable 'a': 'observableParameter1_a' has no value"),
    ],
)  # fmt: skip
def test_what_is_refused(table: str, text: str, kind: type[InputError], message: str, written: Writer) -> None:
    with pytest.raises(kind, match=message) as caught:
        read_petab(written(**{table: text}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ("cauchy 1;2", "the prior 'cauchy' is none of"),
        ("normal 1", "the prior has the arguments '1.0'; expected two numbers"),
        ("normal 1;2;3", "expected two numbers"),
        ("normal a;b", "the prior has the arguments 'a;b'; expected two numbers"),
    ],
)
def test_priors_that_are_none(prior: str, message: str, written: Writer) -> None:
    head, *rows = PARAMETERS.strip().split("\n")
    text = "\n".join([f"{head} objectivePriorType objectivePriorParameters", f"{rows[0]} {prior}", *rows[1:]])
    with pytest.raises(FormatError, match=f"parameter 'k1': .*{message}"):
        read_petab(written(parameters=text + "\n"))


def test_priors(written: Writer) -> None:
    head, *rows = PARAMETERS.strip().split("\n")
    text = "\n".join(
        [f"{head} objectivePriorType objectivePriorParameters", f"{rows[0]} parameterScaleNormal 0;2", *rows[1:]]
    )
    prior = read_petab(written(parameters=text + "\n")).estimated[0].prior
    assert prior is not None
    assert (prior.distribution, prior.arguments, prior.on_scale) == ("normal", (0.0, 2.0), True)


def test_priors_of_starts(written: Writer) -> None:
    head, *rows = PARAMETERS.strip().split("\n")
    cells = ["normal 0.5;2", "parameterScaleUniform -1;1", "parameterScaleUniform "]
    text = "\n".join(
        [
            f"{head} initializationPriorType initializationPriorParameters",
            *(f"{r} {c}" for r, c in zip(rows, cells, strict=True)),
        ]
    )
    first, second, third = read_petab(written(parameters=text + "\n")).estimated
    assert first.start_prior is not None
    assert (first.start_prior.distribution, first.start_prior.arguments, first.start_prior.on_scale) == (
        "normal",
        (0.5, 2.0),
        False,
    )
    assert second.start_prior is not None
    assert (second.start_prior.distribution, second.start_prior.on_scale) == ("uniform", True)
    assert third.start_prior is None
    assert {p.prior for p in (first, second, third)} == {None}
