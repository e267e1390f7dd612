"""What the HCC model does at its nominal parameters: prints the table of docs/model.md.

``python docs/nominal.py``
"""

import hepatica as hp

LINES = ("HepG2", "SK-Hep1")
DAY = 1440.0


def arms() -> tuple[hp.Arm, ...]:
    """Treatment groups of the table."""
    sorafenib, inhibitor, trametinib = (hp.load_drug(n) for n in ("sorafenib", "picropodophyllin", "trametinib"))
    starved, igf1 = hp.load_tool("starved"), hp.load_tool("IGF1")
    egf = hp.Intervention(id="EGF", changes=(hp.Change(target="EGF_added", value=10.0, unit="nM", start=0.0),))
    full = hp.Intervention(id="MEK block", changes=trametinib.bath("100 uM").changes)
    receptor = hp.Intervention(id="IGF-1R block", changes=inhibitor.bath("100 uM").changes)
    return (
        hp.Arm(id="control"),
        *(hp.Arm(id=f"sorafenib {dose} uM", interventions=(sorafenib.bath(f"{dose} uM"),)) for dose in (5, 8, 20)),
        hp.Arm(id="serum-free 5 uM", interventions=(sorafenib.bath("5 uM"), hp.load_tool("serum-free"))),
        hp.Arm(id="MEK block", interventions=(full,)),
        hp.Arm(id="IGF-1R block", interventions=(receptor,)),
        hp.Arm(id="shIGF1R", interventions=(hp.load_tool("shIGF1R"),)),
        hp.Arm(id="starved", interventions=(starved,)),
        hp.Arm(id="starved + IGF-1", interventions=(starved, igf1)),
        hp.Arm(id="starved + EGF", interventions=(starved, egf)),
    )


def rows() -> list[tuple[str, float, float]]:
    """The rows: what, HepG2, SK-Hep1; every value relative to the row's reference."""
    cells, first = "cells at 72 h, ", "starved cells, "
    wanted = (
        (cells + "sorafenib 8 uM against none", "cells", 3 * DAY, "sorafenib 8 uM", "control"),
        (cells + "MEK blocked", "cells", 3 * DAY, "MEK block", "control"),
        (cells + "IGF-1R kinase blocked", "cells", 3 * DAY, "IGF-1R block", "control"),
        (cells + "IGF-1R knocked down", "cells", 3 * DAY, "shIGF1R", "control"),
        (first + "IGF-1 for 30 min: pAKT S473, fold", "pAKT_S473", 30.0, "starved + IGF-1", "starved"),
        (first + "IGF-1 for 30 min: ppERK, fold", "ppERK", 30.0, "starved + IGF-1", "starved"),
        (first + "EGF 10 nM for 30 min: ppERK, fold", "ppERK", 30.0, "starved + EGF", "starved"),
        ("MEK blocked for 3 h: ppMEK, fold", "ppMEK", 180.0, "MEK block", "control"),
        ("ppERK, sorafenib 8 uM for 24 h, fold", "ppERK", DAY, "sorafenib 8 uM", "control"),
        (
            "free sorafenib of 5 uM, without serum against with",
            "sorafenib_free",
            DAY,
            "serum-free 5 uM",
            "sorafenib 5 uM",
        ),
        ("ppERK, sorafenib 20 uM for 24 h, fold", "ppERK", DAY, "sorafenib 20 uM", "control"),
    )
    simulations = []
    for line in LINES:
        assay = hp.Level(observable="cells", at="72 h")
        experiment = hp.Experiment(id="nominal", cell_line=hp.load_cell_line(line), arms=arms(), assay=assay)
        names, times = sorted({w[1] for w in wanted}), sorted({w[2] for w in wanted})
        simulations.append(hp.simulate(hp.load_model("hcc"), experiment, observables=names, times=times))
    table = []
    for label, name, time, treated, reference in wanted:
        values = [s[name].sel(time=time, draw=0) for s in simulations]
        table.append((label, *(float(v.sel(arm=treated) / v.sel(arm=reference)) for v in values)))
    return table


def lines() -> list[str]:
    """The table as Markdown lines, without its header."""
    return [f"| {label} | {a:.2f} | {b:.2f} |" for label, a, b in rows()]


if __name__ == "__main__":
    print("\n".join(lines()))
