"""Outcomes as tables of text."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from .outcome import RANKS, Outcome, kind_of

ORDER = tuple(reversed(RANKS))


def counts(title: str, groups: Mapping[str, Iterable[Outcome]]) -> str:
    """Give a table of how many of each group came out how."""
    width = max(len(title), *(len(name) for name in groups), 4)
    lines = [f"{title:{width}}" + "".join(f"{name:>9}" for name in ORDER) + f"{'all':>9}"]
    for name, outcomes in groups.items():
        found = Counter(o.outcome for o in outcomes)
        lines.append(f"{name:{width}}" + "".join(f"{found[k] or '-':>9}" for k in ORDER) + f"{found.total():>9}")
    return "\n".join(lines)


def by_tag(
    outcomes: Sequence[Outcome], index: Mapping[str, Mapping[str, str]], column: str
) -> dict[str, list[Outcome]]:
    """Group cases by the tags in a column of their index; a case stands under each of its tags."""
    groups: defaultdict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        for tag in index[one.case][column].split(";"):
            if tag:
                groups[tag].append(one)
    return dict(sorted(groups.items()))


def reasons(outcomes: Iterable[Outcome], examples: int = 5) -> str:
    """Give like reasons together, the most frequent first, with the first cases of each."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for one in outcomes:
        groups[kind_of(one.reason)].append(one.case + (f" ({one.level})" if one.level else ""))
    lines = []
    for reason, cases in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        first = ", ".join(cases[:examples]) + (", ..." if len(cases) > examples else "")
        lines.append(f"{len(cases):5}  {reason}  [{first}]")
    return "\n".join(lines)


def each(outcomes: Iterable[Outcome]) -> str:
    """Give one line an outcome."""
    return "\n".join(f"  {o.suite} {o.case} {o.level}".rstrip() + f": {o.outcome}: {o.reason}" for o in outcomes)
