"""The measurements of the library: prints the tables of docs/measurements.md.

``python docs/measurements.py``
"""

import hepatica as hp
from hepatica.library import describe_measurements

ROLES = ("fit", "held-out", "check")


def contents() -> list[str]:
    """One line for each table: rows by role, sources, what is left out."""
    rows = [
        "| table | rows | fit | held-out | check | sources | what is left out |",
        "|---|---:|---:|---:|---:|---|---|",
    ]
    for name in hp.list_measurements():
        table = describe_measurements(name)
        counts = " | ".join(str(table.roles.get(role, 0)) for role in ROLES)
        sources = ", ".join(source.key for source in table.sources)
        rows.append(f"| {name} | {table.rows} | {counts} | {sources} | {table.left_out} |")
    return rows


def noise() -> list[str]:
    """One line for each data set and readout: ceiling and replicate error."""
    rows = [
        "| data set | readout | largest MFI | above 20,000 | CV without inhibitor | CV of all |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in hp.load_measurements("phospho_noise").to_dict("records"):
        share = f"{row['values_above_20000']:.0f} of {row['values']:.0f}"
        plain = _error(row["replicate_cv_uninhibited"], row["replicate_groups_uninhibited"])
        every = _error(row["replicate_cv"], row["replicate_groups"])
        rows.append(
            f"| {row['dataset']} | {row['readout']} | {row['largest_mfi']:,.0f} | {share} | {plain} | {every} |"
        )
    return rows


def _error(cv: float, groups: float) -> str:
    return f"{cv:.1%} ({groups:.0f})" if groups else "none"


def lines() -> list[str]:
    """Every line of both tables."""
    return [*contents(), *noise()]


if __name__ == "__main__":
    print("\n".join([*contents(), "", *noise()]))
