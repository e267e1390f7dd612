"""A small model in modules, with a parameter table, that the tests of this room share."""

UNITS = """// units
unit time_unit = 60 second;
unit substance = 1e-9 mole;
unit extent = 1e-9 mole;
unit volume = litre;
unit nM = 1e-9 mole / litre;
unit per_min = 1 / (60 second);
compartment cell;
cell = cell_volume;
cell has volume;
"""
KINASE = """// a kinase cycle
species MEK in cell, pMEK in cell;
MEK = MEK_level;
pMEK = 0;
MEK is "MEK1/2";
MEK identity "http://identifiers.org/uniprot/Q02750";
pMEK identity "http://identifiers.org/uniprot/Q02750";
pMEK hasPart "http://identifiers.org/chebi/CHEBI:18367";
activation: MEK => pMEK; cell*k_on*drive*MEK;
inactivation: pMEK => MEK; cell*k_off*pMEK/(1 dimensionless + pMEK/K_sat);
drive := piecewise(wiring, time < t_switch, 2 dimensionless*wiring);
drive has dimensionless;
"""
GROWTH = """// population
var cells;
cells = 0.1;
cells has dimensionless;
cells' = cells*growth*(pMEK/(K_sat + pMEK));
"""
MODULES = (("units.ant", UNITS), ("kinase.ant", KINASE), ("growth.ant", GROWTH))


def row(key, value, unit, prior="", bounds=("", ""), **more):
    return {
        "parameterId": key, "parameterName": f"the {key}", "parameterScale": "lin", "lowerBound": bounds[0],
        "upperBound": bounds[1], "nominalValue": value, "estimate": "true",
        "objectivePriorType": "log-normal" if prior else "", "objectivePriorParameters": prior, "unit": unit,
        "basis": "assumed", "source": "assumption", "note": "toy",
    } | more  # fmt: skip


ROWS = (
    row("cell_volume", "1.0", "litre"),
    row("MEK_level", "1000", "nM", "6.9;0.3", ("100", "10000")),
    row("k_on", "0.30000000000000004", "1/min"),
    row("k_off", "0.1", "1/min"),
    row("K_sat", "250", "nM"),
    row("wiring", "1", "dimensionless"),
    row("t_switch", "10", "min"),
    row("growth", "0.0005", "1/min", basis="literature", source="fritsche2021"),
)
