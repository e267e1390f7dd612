"""What the calibration of the HCC model came to: prints the tables of docs/calibration.md.

``python docs/calibrated.py results/hcc-calibration > docs/figures/calibration.md``
"""

import sys
from pathlib import Path

import pandas as pd
import xarray as xr

from hepatica.calibration.compare import describe_disagreements, disagreements, summarise
from hepatica.inference.diagnose import choice_probabilities, describe_samples

KINDS = ("determined", "above", "below", "open", "fixed")


def table(rows: pd.DataFrame) -> list[str]:
    """Give a table of markdown."""
    lines = ["| " + " | ".join(map(str, rows.columns)) + " |", "|" + "---|" * len(rows.columns)]
    return [*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows.itertuples(index=False)), ""]


def told(place: Path) -> list[str]:
    """Give how well measurements of one role are told."""
    rows = summarise(pd.read_csv(place, sep="\t"))
    shown = pd.DataFrame(
        {
            "data set": rows["data_set"], "values": rows["n"], "in 50 % intervals": [f"{x:.0%}" for x in rows["within_50"]],
            "in 90 % intervals": [f"{x:.0%}" for x in rows["within_90"]],
            "lower bounds": rows["bounds"], "predictions above them": ["" if pd.isna(x) else f"{x:.0%}" for x in rows["beyond"]],
        }
    )  # fmt: skip
    return table(shown)


def short(width: object) -> str:
    """Give a width with two digits."""
    return f"{width:.2f}" if isinstance(width, float) and width == width else ""


def main(folder: Path) -> None:
    """Print everything."""
    tree = xr.open_datatree(folder / "posterior.nc", engine="h5netcdf")
    lines = [f"{line}  " for line in describe_samples(tree)]
    lines += ["", "Probability of each wiring after the data:", ""]
    probabilities = {n: v.get(1.0, 0.0) for n, v in choice_probabilities(tree).items()}
    lines += table(pd.DataFrame([{"wiring": n, "probability": f"{p:.2f}"} for n, p in probabilities.items()]))
    lines += ["Fitted:", "", *told(folder / "fitted.tsv"), "Held out:", "", *told(folder / "held_out.tsv")]
    lines += ["Groups of measurements that lie systematically off their predictions (`*`: all others):", ""]
    for role, name in (("fitted", "fitted"), ("held out", "held_out")):
        found = describe_disagreements(disagreements(pd.read_csv(folder / f"{name}.tsv", sep="\t")))
        lines += [f"- {role}, {line}" for line in found] or [f"- {role}: none"]
    lines += [""]
    determined = pd.read_csv(folder / "determined.tsv", sep="\t")
    lines += ["Parameters by how the data determine them:", ""]
    counts = determined["kind"].value_counts()
    lines += table(pd.DataFrame({"kind": counts.index, "parameters": counts.to_numpy()}))
    expected = pd.read_csv(folder / "expected.tsv", sep="\t")
    lines += ["What was expected before the fit, and what was found:", ""]
    shown = pd.DataFrame(
        {
            "quantity": expected["quantity"], "expected": expected["expected"], "found": expected["found"],
            "narrowed most": expected["best_parameter"].fillna(""), "its width": expected["width"].map(short),
            "best combination": expected["combination_width"].map(short),
        }
    )  # fmt: skip
    lines += table(shown)
    sys.stdout.write("\n".join(lines))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
