"""What came out of one case, and the recorded state that a later run must not fall behind."""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

RANKS = ("wrong", "failed", "refused", "passed")
RECORD = Path(__file__).parents[1] / "record.tsv"
COLUMNS = ("suite", "case", "levels", "outcome", "reason")
_PLACE = re.compile(r"^[^\s:]+(?: text)?(?:\.xml)?(?: \(flattened\))?(?::\d+)?: ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came out of one model.

    Parameters
    ----------
    suite, case, level
        Which; the level is empty where a case is one model.
    outcome
        ``passed``; ``refused`` by name; ``failed``: the run ended early, and says so; ``wrong``: a number that is not
        the expected one. Wrong is never accepted.
    reason
        Why not passed, in one sentence.
    """

    suite: str
    case: str
    level: str = ""
    outcome: str
    reason: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.suite, self.case, self.level


def reason_of(error: BaseException) -> str:
    """Give an error's sentence without the file and line before it, and without line breaks."""
    return " ".join(_PLACE.sub("", str(error)).split())


def kind_of(reason: str) -> str:
    """Give a reason without its names and numbers, so that like ones fall together."""
    return re.sub(r"\b\d+(?:\.\d+)?(?:e[-+]?\d+)?\b", "N", re.sub(r"'[^']*'", "'...'", reason))


def read_record(path: Path = RECORD) -> dict[tuple[str, str, str], Outcome]:
    """Give the recorded outcomes by suite, case and level; nothing when there is no record."""
    if not path.exists():
        return {}
    found = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            levels = row.pop("levels").split() or [""]
            for level in levels:
                one = Outcome(level=level, **row)
                found[one.key] = one
    return found


def write_record(outcomes: Iterable[Outcome], path: Path = RECORD) -> None:
    """Write outcomes, one line for the levels of a case that came out alike."""
    rows = []
    for (suite, case), group in groupby(sorted(outcomes, key=lambda o: o.key), key=lambda o: o.key[:2]):
        alike: dict[tuple[str, str], list[str]] = {}
        for one in group:
            alike.setdefault((one.outcome, one.reason), []).append(one.level)
        rows += [(suite, case, " ".join(levels), *what) for what, levels in alike.items()]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def worse(outcomes: Sequence[Outcome], record: dict[tuple[str, str, str], Outcome]) -> list[tuple[Outcome, str]]:
    """Give the outcomes that fall behind the record, each with what was recorded; wrong ones always do.

    A process that died speaks for every level of its case: it is held against the best of them.
    """
    best: dict[tuple[str, str], str] = {}
    for one in record.values():
        best[one.key[:2]] = max(best.get(one.key[:2], RANKS[0]), one.outcome, key=RANKS.index)
    found = []
    for one in outcomes:
        before = record[one.key].outcome if one.key in record else best.get(one.key[:2], "not recorded")
        if one.outcome == "wrong" or (before in RANKS and RANKS.index(one.outcome) < RANKS.index(before)):
            found.append((one, before))
    return found
