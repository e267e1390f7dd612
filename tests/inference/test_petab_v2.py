from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from hepatica.errors import FormatError, HostileFileError, InputError, NotFoundError, UnsupportedError
from hepatica.inference import Likelihood, Problem, read_petab
from hepatica.model import Number, Symbol
from hepatica.sbml import read_antimony, write_sbml

from .cases import TIGHT, right
from .conftest import ANTIMONY

YAML = """format_version: 2.0.0
parameter_files: [parameters.tsv]
model_files:
  toy: {location: model.xml, language: sbml}
condition_files: [conditions.tsv]
experiment_files: [experiments.tsv]
observable_files: [observables.tsv]
measurement_files: [measurements.tsv]
"""
TABLES: Mapping[str, str] = {
    "parameters": "parameterId lowerBound upperBound nominalValue estimate\nk2 1e-3 1e3 0.6 true\nsd 0 10 0.3 true\n",
    "conditions": "conditionId targetId targetValue\nlow k1 0.3\nhigh k1 0.8\nadd A A+1\n",
    "experiments": "experimentId time conditionId\none 0 low\none 1 high\none 1 add\ntwo -inf low\ntwo 0 high\n",
    "observables": "observableId observableFormula noiseFormula noiseDistribution noisePlaceholders\n"
    "a A s*a log-normal s\nb B 0.5  \n",
    "measurements": "observableId experimentId time measurement noiseParameters\na one 1 2 sd\na two 1 1.4 0.2\nb  2 1.5 \n",
}
Writer = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Writer:
    def write(*, yaml: str = YAML, antimony: str = ANTIMONY, **tables: str) -> Path:
        write_sbml(read_antimony(text=antimony), tmp_path / "model.xml")
        for name, table in (TABLES | tables).items():
            (tmp_path / f"{name}.tsv").write_text(table.replace(" ", "\t"))
        (tmp_path / "toy.yaml").write_text(yaml)
        return tmp_path / "toy.yaml"

    return write


def seen(problem: Problem) -> np.ndarray:
    return Likelihood(problem, tolerances=TIGHT).simulate(problem.nominal[None])[0][0]


def test_a_problem(written: Writer) -> None:
    problem = read_petab(written())
    assert [t.id for t in problem.trials] == ["one", "two", ""]
    assert problem.trials[0].after == {"k1": Number(0.3)}
    assert [t for t, _ in problem.trials[0].later] == [1.0]
    assert problem.trials[0].later[0][1].keys() == {"k1", "A"}
    assert problem.trials[1].before == {"k1": Number(0.3)}
    assert [(o.scale, o.distribution) for o in problem.observables] == [("log", "normal")] * 2 + [("lin", "normal")]
    assert problem.estimated[0].prior is not None
    assert problem.estimated[0].start_prior is None
    right(problem)


def test_starts_are_drawn_from_priors(written: Writer) -> None:
    read = read_petab(written(
        parameters="parameterId lowerBound upperBound nominalValue estimate priorDistribution priorParameters\n"
        "k2 1e-3 1e3 0.6 true log-normal 0;1\nsd 0 10 0.3 true  \n",
    ))  # fmt: skip
    assert [p.start_prior is None for p in read.estimated] == [False, True]
    assert read.estimated[0].start_prior == read.estimated[0].prior


def test_what_a_preequilibration_sets_lasts(written: Writer) -> None:
    problem = read_petab(written(
        experiments="experimentId time conditionId\none 0 \ntwo -inf low\ntwo -inf start\ntwo 0 \n",
        conditions="conditionId targetId targetValue\nlow k1 0.3\nstart A 3\n",
    ))  # fmt: skip
    assert problem.trials[1].after == {"k1": Number(0.3)}  # A goes on from where it rests
    rest = 3.2 * 0.6 / 0.9
    assert seen(problem)[1] == pytest.approx(rest, rel=1e-6)


def test_what_only_rests_does_so_at_all_times(written: Writer) -> None:
    problem = read_petab(written(
        experiments="experimentId time conditionId\none 0 \ntwo -inf low\n",
        conditions="conditionId targetId targetValue\nlow k1 0.3\n",
    ))  # fmt: skip
    assert np.isinf(problem.times).tolist() == [False, True, False]
    assert seen(problem)[1] == pytest.approx(1.2 * 0.6 / 0.9, rel=1e-6)
    right(problem)


def test_other_names_of_the_model(written: Writer) -> None:
    text = YAML + "mapping_files: [mapping.tsv]\n"
    problem = read_petab(written(
        yaml=text, mapping="petabEntityId modelEntityId\nalpha A\nrate k1\n",
        conditions="conditionId targetId targetValue\nlow rate 0.3\nhigh rate 0.8\nadd alpha alpha+1\n",
        observables="observableId observableFormula noiseFormula noisePlaceholders\na alpha s*a s\nb B 0.5 \n",
    ))  # fmt: skip
    assert problem.observables[0].formula == Symbol("A")
    assert problem.trials[0].after == {"k1": Number(0.3)}


CONDITIONS, EXPERIMENTS, OBSERVABLES = TABLES["conditions"], TABLES["experiments"], TABLES["observables"]
PARAMETERS, MEASUREMENTS = TABLES["parameters"], TABLES["measurements"]


@pytest.mark.parametrize(
    ("table", "text", "kind", "message"),
    [
        ("yaml", YAML + "extensions: {sciml: {version: 1, required: true}}\n", UnsupportedError, "the extension 'sciml'"),
        ("yaml", YAML + "extensions: 3\n", FormatError, "'extensions' .* expected a mapping"),
        ("yaml", YAML.replace("language: sbml", "language: bngl"), UnsupportedError, "the language 'bngl'; hepatica reads 'sbml'"),
        ("yaml", YAML.replace("  toy: {", "  other: {location: b.xml, language: sbml}\n  toy: {"), UnsupportedError, "this has 2"),
        ("yaml", YAML.replace("\n  toy: {location: model.xml, language: sbml}", " 3"), UnsupportedError, "problems with one model"),
        ("yaml", YAML.replace("model.xml", "/etc/passwd"), HostileFileError, "outside its folder"),
        ("yaml", YAML.replace("[conditions.tsv]", "[../../conditions.tsv]"), HostileFileError, "outside its folder"),
        ("measurements", MEASUREMENTS.replace("a one", "a on"), NotFoundError, "experiment 'on', .* Did you mean 'one'"),
        ("measurements", MEASUREMENTS.replace("a one", "aa one"), NotFoundError, "observable 'aa', .* Did you mean 'a'"),
        ("measurements", MEASUREMENTS.replace("1 2 sd", "1 two sd"), FormatError, "measurement 1: the measurement 'two' is no number"),
        ("measurements", MEASUREMENTS.replace("1 2 sd", "1 2 sd;3"), FormatError, "'a' has 1 noise placeholders, and .* gives 'sd;3'"),
        ("measurements", MEASUREMENTS.replace("1 2 sd", "1 2 "), FormatError, "'a' has 1 noise placeholders, and .* gives ''"),
        ("measurements", MEASUREMENTS.split("\n")[0] + "\n", FormatError, "no measurements"),
        ("experiments", EXPERIMENTS.replace("one 0 low", "one 0 lo"), NotFoundError, "condition 'lo', .* Did you mean 'low'"),
        ("experiments", EXPERIMENTS.replace("one 0", "one inf"), FormatError, "a period begins at time inf"),
        ("experiments", EXPERIMENTS.replace("one 0", "one soon"), FormatError, "experiment 'one': the time 'soon' is no number"),
        ("experiments", EXPERIMENTS.replace("one 1 add", "one 1 low"), FormatError, "sets 'k1' twice at time 1"),
        ("conditions", CONDITIONS + "low k1 3\n", FormatError, "condition 'low' sets 'k1' twice"),
        ("conditions", CONDITIONS + "low k2 3\n", FormatError, "sets 'k2', which the table of parameters gives"),
        ("conditions", CONDITIONS + "low A \n", FormatError, "condition 'low', target 'A': '' is no formula"),
        ("conditions", CONDITIONS + "low A 2*\n", FormatError, r"condition 'low', target 'A': '2\*' is no formula"),
        ("observables", OBSERVABLES.replace("log-normal", "cauchy"), FormatError, "noise distribution 'cauchy' is none of normal, "),
        ("observables", OBSERVABLES.replace("noiseFormula", "noise"), FormatError, "has no column 'noiseFormula'"),
        ("parameters", PARAMETERS.replace("0.6 true", "0.6 1"), FormatError, "'estimate' is '1'; expected true or false"),
        ("parameters", PARAMETERS.replace("0.6 true", " false"), FormatError, "not estimated and has no nominalValue"),
        ("parameters", PARAMETERS.replace("1e-3 1e3", "7 5"), FormatError, "'k2' has the bounds 7 and 5"),
        ("parameters", PARAMETERS + "k2 0 1 1 true\n", FormatError, "parameter 'k2' has 2 rows"),
        ("parameters", "parameterId lowerBound upperBound nominalValue estimate priorDistribution priorParameters\n"
         "k2 0 10 1 true beta 1;2\nsd 0 1 1 true  \n", FormatError, "the prior 'beta' is none of uniform"),
        ("parameters", "parameterId lowerBound upperBound nominalValue estimate priorDistribution priorParameters\n"
         "k2 0 10 1 true gamma 1\nsd 0 1 1 true  \n", FormatError, "'gamma' takes 2, separated by ';'"),
    ],
)  # fmt: skip
def test_what_is_refused(table: str, text: str, kind: type[InputError], message: str, written: Writer) -> None:
    with pytest.raises(kind, match=message) as caught:
        read_petab(written(**{table: text}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("event", ["at A < 0.1, t0=false: A = 2;", "at k1 > 0.5: A = 2;"])
def test_events_that_may_happen_at_the_end_of_a_preequilibration(event: str, written: Writer) -> None:
    with pytest.raises(UnsupportedError, match="begins with a pre-equilibration, and event 'E' may happen at its end"):
        read_petab(written(antimony=ANTIMONY.replace("S := A + B;", f"S := A + B; E: {event}")))
