"""The claims of the founding study before and after the data: prints the table of docs/calibration.md.

``python docs/claims.py results/igf1r-sorafenib > docs/figures/claims.md``
"""

import json
import sys
from pathlib import Path

from hepatica.report.tables import FEWEST


def main(folder: Path) -> None:
    """Print everything."""
    data = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
    whole = {(c["id"], v["cell_line"]): v for c in data["claims"] for v in c["verdicts"] if v["contrast"] == "all"}
    lines = list(dict.fromkeys(line for _, line in whole))
    out = [f"{data['provenance']['posterior']['sampled']}.", ""]
    out += ["| claim | " + " | ".join(f"{n}: before | after" for n in lines) + " |", "|---|" + "---|---|" * len(lines)]
    for claim in data["claims"]:
        cells = []
        for line in lines:
            v = whole.get((claim["id"], line))
            cells += ["", ""] if v is None else [
                f"{v['prior_probability']:.2f}", f"{v['probability']:.2f} ± {v['error']:.2f}, {v['outcome']}"
            ]  # fmt: skip
        out.append(f"| {claim['id']} {claim['text']} | " + " | ".join(cells) + " |")
    moved: dict[tuple[str, str], list[str]] = {}
    for row in data["influence"]:
        if row["n"] >= FEWEST and abs(row["change"]) > max(0.05, 2.0 * row["error"]):
            text = f"without {row['data_set']} {row['probability']:.2f}"
            moved.setdefault((row["claim"], row["cell_line"]), []).append(text)
    counts: dict[str, int] = {}
    for row in data["influence"]:
        counts[row["data_set"]] = max(row["n"], counts.get(row["data_set"], 0))
    if data["influence"]:
        out += ["", "Data sets without which a probability is another by more than 0.05 and twice its error:", ""]
        out += [f"- {claim}, {line}: {', '.join(parts)}" for (claim, line), parts in moved.items()]
        few = ", ".join(f"{name} ({n})" for name, n in counts.items() if n < FEWEST)
        out += ["", f"Without these too few draws pass the screening to tell (their number): {few}."] if few else []
    why: dict[tuple[str, str, str], list[str]] = {}
    for row in data["decisive"]:
        names = why.setdefault((row["claim"], row["cell_line"], row["why"]), [])
        width = "?" if row["width"] is None else f"{row['width']:.2f}"
        names += [f"`{row['parameter']}` ({row['rho']:.2f}, {width})"] if row["parameter"] else []
    out += [
        "",
        "Why claims are undecided: what they depend on most (rank correlation; width after the data over that before).",
        "",
    ]
    out += ["| claim | line | why | depends on |", "|---|---|---|---|"]
    out += [f"| {claim} | {line} | {text} | {', '.join(names)} |" for (claim, line, text), names in why.items()]
    out += [
        "",
        "Numbers of other papers, none of which was fitted, and where they lie in what is predicted of them (median, 90 %).",
        "",
    ]
    out += ["| what | measured in | measured | line | before the data | after |", "|---|---|---|---|---|---|"]
    for row in data["literature"]:
        sd = "" if row["sd"] is None else f" ± {row['sd']:.2g}"
        unit = "" if row["unit"] == "1" else f" {row['unit']}"
        cells = [f"{row['text']} | {row['system']} | {row['measured']:.2g}{sd}{unit} | {row['cell_line']}"]
        cells += [
            f"{_round(row[head + 'median'])} [{_round(row[head + 'q05'])}, {_round(row[head + 'q95'])}], {row[head + 'within']}"
            for head in ("prior_", "")
        ]
        out.append(f"| {' | '.join(cells)} |")
    sys.stdout.write("\n".join(out) + "\n")


def _round(value: float | str) -> str:
    """Two digits; what is censored is a word."""
    return f"{value:.2g}" if isinstance(value, float | int) else "above the top dose"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
