"""The reference levels of the HCC model: what each line's own untreated steady state holds at nominal parameters.

``python docs/references.py`` prints them as they stand in the library and as the model gives them now. Cycle, migration and
death are expressed relative to them, so that each untreated line grows at its measured doubling time.
"""

from dataclasses import replace

import hepatica as hp

LEVELS = {
    "cyclinD_reference": "cyclinD",
    "p27_reference": "p27",
    "pFAK_reference": "pFAK",
    "MMP_reference": "MMP",
    "FOXO_reference": "FOXO",
    "death_reference": "death_rate",
}


def steady_levels(line: hp.CellLine) -> dict[str, float]:
    """Give the levels of a line's untreated steady state, with each reference at the level itself."""
    model, levels = hp.load_model("hcc"), dict.fromkeys(LEVELS, 0.0)
    changes = [c for c in line.changes if c.target not in LEVELS]
    found = {c.target: c.value for c in line.changes if c.target in LEVELS}
    levels = {name: found.get(name, next(p.value for p in model.parameters if p.id == name)) for name in LEVELS}
    for _ in range(20):
        own = tuple(hp.Change(target=name, value=value) for name, value in levels.items())
        cells = replace(line, changes=(*changes, *own))
        assay = hp.Level(observable="cyclinD", at="0 min")
        experiment = hp.Experiment(id="rest", cell_line=cells, arms=(hp.Arm(id="control"),), assay=assay)
        rest = hp.simulate(model, experiment, observables=tuple(LEVELS.values()), threads=1)
        new = {name: float(rest[level].squeeze()) for name, level in LEVELS.items()}
        if all(abs(new[n] - levels[n]) <= 1e-9 * abs(new[n]) for n in LEVELS):
            break
        levels = new
    return new


def table() -> list[tuple[str, str, float, float]]:
    """Rows: line, reference, value in the library, value that the model gives."""
    model, rows = hp.load_model("hcc"), []
    for name in hp.list_cell_lines():
        line = hp.load_cell_line(name)
        stored = {p.id: p.value for p in model.parameters} | {c.target: c.value for c in line.changes}
        rows += [(name, key, stored[key], value) for key, value in steady_levels(line).items()]
    return rows


if __name__ == "__main__":
    for line, name, stored, computed in table():
        print(f"{line:12} {name:18} {stored:12.4g} {computed:12.4g}")
