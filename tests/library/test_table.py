"""The parameter table."""

import pytest

from hepatica.errors import FormatError, InputError
from hepatica.library import load_model
from hepatica.library.table import COLUMNS

from . import conftest as given


def table(*rows, header=given.HEADER):
    return "\n".join([header, *("\t".join(row) for row in rows)]) + "\n"


def changed(**cells):
    return [cells.get(column, cell) for column, cell in zip(COLUMNS, given.ROW, strict=True)]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"unit": ""}, r"k has no unit; write 'dimensionless' where there is none\.$"),
        ({"source": ""}, r"k has no source; fill the cell\.$"),
        ({"parameterId": ""}, r"a parameter without id has no parameterId; fill the cell\.$"),
        ({"unit": "nMM"}, r"the unit 'nMM' is unknown\. Did you mean 'nM'\?$"),
        ({"parameterScale": "ln"}, r"k: parameterScale is 'ln'; expected lin, log, log10\.$"),
        ({"basis": "mesured"}, r"k: the basis 'mesured' is none of .*\. Did you mean 'measured'\?$"),
        ({"source": "smith2002"}, r"no source 'smith2002' in sources\.toml\. Did you mean 'smith2020'\?$"),
        ({"estimate": "yes"}, r"k: estimate is 'yes'; expected 0 or 1\.$"),
        ({"estimate": "0"}, r"k: estimate is 0 but there is a prior; remove it, or set estimate to 1\.$"),
        ({"objectivePriorType": ""}, r"k: estimate is 1 but there is no prior; give one, or set estimate to 0\.$"),
        ({"nominalValue": "fast"}, r"nominalValue is 'fast'; expected a number\.$"),
        ({"nominalValue": "5"}, r"k: the value 5 is not within its bounds 0\.01 to 1\.$"),
        ({"objectivePriorParameters": "1"}, r"objectivePriorParameters is '1'; expected two numbers"),
        ({"objectivePriorParameters": "1;0"}, r"k: the prior has '1;0'; expected a spread above zero\.$"),
        (
            {"objectivePriorType": "uniform", "objectivePriorParameters": "2;1"},
            r"k: the prior has '2;1'; expected lower below upper\.$",
        ),
        ({"nominalValue": "inf"}, r"k: the value inf is not within its bounds 0\.01 to 1\.$"),
        ({"nominalValue": "nan"}, r"parameter 'k' has no value; give it one\.$"),
        ({"objectivePriorType": "gamma"}, r"the prior 'gamma' is none of log-normal, uniform, normal\.$"),
        ({"parameterId": "2k"}, r"'2k' is not an id; use letters, digits and '_'\.$"),
    ],
)
def test_wrong_cells(shelf, cells, message):
    shelf(table=table(changed(**cells)))
    with pytest.raises(InputError, match=rf"^library/models/toy/parameters\.tsv:2: .*{message}"):
        load_model("toy")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (given.HEADER.replace("unit", "units"), r"unknown column 'units'\. Did you mean 'unit'\?$"),
        (given.HEADER.removesuffix("\tnote"), r"the column 'note' is missing; expected parameterId, "),
        ("\t".join(reversed(COLUMNS)), r"the columns are in another order or repeated; expected parameterId, "),
        ("", r"unknown column ''\."),
    ],
)
def test_wrong_headers(shelf, header, message):
    shelf(table=table(given.ROW, header=header))
    with pytest.raises(FormatError, match=rf"^library/models/toy/parameters\.tsv:1: {message}"):
        load_model("toy")


@pytest.mark.parametrize("line", ["", "k\t1", "k" + "\t" * 13])
def test_wrong_number_of_cells(shelf, line):
    shelf(table=table(given.ROW) + line + "\n" + "\t".join(given.ROW) + "\n")
    cells = line.count("\t") + 1
    with pytest.raises(FormatError, match=rf"parameters\.tsv:3: {cells} cells; expected 13, separated by tabs\.$"):
        load_model("toy")
