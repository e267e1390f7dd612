"""Where the names of an Antimony text stand: declarations, assignments, reactions, first mentions."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from hepatica.errors import FormatError, HostileFileError, ModelError, UnsupportedError

_COMMENT = re.compile(r'"[^"\n]*"|//[^\n]*|#[^\n]*|/\*.*?\*/|```.*?```', re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*")
_BLOCK = re.compile(r"\s*\*?(?:model|module)\b")
_FUNCTION = re.compile(r"\s*function\b")
_END = re.compile(r"\s*end\b")
_DECLARATION = re.compile(
    r"\s*(?:(?:const|var|ext|substanceOnly)\s+)*(?:species|compartment|formula|reaction|gene|operator)\s+(.*)|"
    r"\s*(?:const|var)\s+(.*)"
)
_DECLARED = re.compile(r"\s*\$?([A-Za-z_]\w*)\s*(?:in\s+\w+)?\s*((?::|')?=(?![=>]))?")
_ASSIGNMENT = re.compile(r"\s*\$?([A-Za-z_]\w*)\s*(?:in\s+\w+\s*)?((?::|')?=)(?![=>])")
_LABEL = re.compile(r"\s*([A-Za-z_]\w*)\s*:(?!=)")
_PLACED = re.compile(r"\s*\$?([A-Za-z_]\w*)\s+in\s+\w+\s*$")
_NUMBER = re.compile(r"(?<![\w.])(?>((?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?))([A-Za-z_]\w*)?")
_ARROW = re.compile(r"[-=]>|-\||-o|-\(")
_UNIT = re.compile(r"\s*unit\s+([A-Za-z_]\w*)\s*=")
_HAS = re.compile(r"\s*\w+\s+has\s+([A-Za-z_]\w*)\s*$")
MAX_CHAIN = 150
MAX_NESTED_FUNCTIONS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What an Antimony text declares, and where.

    Parameters
    ----------
    lines
        ``file:line`` of the place where a name is declared or given, else where it is first mentioned.
    declared
        Names of reactions, declared names, and names that are given a value or rule.
    units_defined, units_used
        Names of unit definitions, and of units after ``has``.
    block_end
        Where the text behind ``model name()`` begins; 0 when there is no such line.
    """

    lines: dict[str, str]
    declared: frozenset[str]
    units_defined: frozenset[str]
    units_used: frozenset[str]
    block_end: int = 0


def scan_antimony(parts: Sequence[tuple[str, str]]) -> Scan:
    """Find where names are declared in Antimony texts that are read as one model.

    Parameters
    ----------
    parts
        (file name, text) in order.

    Raises
    ------
    ModelError
        When a name is given, or a reaction named, twice (Antimony keeps the last one in silence), or depends on itself.
    FormatError
        When an id or operator is not ASCII, or a number is one for Antimony in part only.
    HostileFileError
        When more than 150 rules or 32 functions build on one another.
    UnsupportedError
        When the texts hold more than one model.
    """
    declared: dict[str, str] = {}
    mentioned: dict[str, str] = {}
    given: dict[tuple[str, str], tuple[int, str]] = {}
    units_defined: set[str] = set()
    units_used: set[str] = set()
    blocks = 0
    needs: dict[str, set[str]] = {}
    in_function = ""
    for number, (where, statement) in enumerate(_statements(parts)):
        if not statement.isascii():
            odd = next(c for c in statement if not c.isascii())
            raise FormatError(
                f"{where}: {odd!r} is no ASCII letter; Antimony takes others in quotes and comments only."
            )
        _check_numbers(statement, where)
        names = _NAME.findall(statement)
        if _END.match(statement) or _FUNCTION.match(statement):
            in_function = names[1] if names[0] == "function" and len(names) > 1 else ""
            continue
        if in_function:
            needs.setdefault(f"function {in_function}", set()).update(f"function {name}" for name in names)
            continue
        if _BLOCK.match(statement):
            blocks += 1
            if blocks > 1:
                raise UnsupportedError(f"{where}: a second model in one text is not supported; give one model.")
            continue
        if unit := _UNIT.match(statement):
            units_defined.add(unit[1])
            continue
        if has := _HAS.match(statement):
            units_used.add(has[1])
        for name, role in _roles(statement):
            if role and given.setdefault((name, role), (number, where)) != (number, where):
                raise ModelError(f"{where}: '{name}' is given twice, first at {given[name, role][1]}; keep one.")
            declared.setdefault(name, where)
            if role in {"=", ":="} and not _DECLARATION.match(statement):
                needs.setdefault(name, set()).update(names)
                needs[name].discard(name)
        for name in names:
            mentioned.setdefault(name, where)
    _guard_chains(needs, declared, parts[0][0])
    return Scan(
        lines=mentioned | declared,
        declared=frozenset(declared),
        units_defined=frozenset(units_defined),
        units_used=frozenset(units_used),
        block_end=_block_end(parts[0][1]) if blocks else 0,
    )


def _check_numbers(statement: str, where: str) -> None:
    """Refuse numbers of which Antimony takes the front and makes a unit of the rest: 1_000, 0x10, 1d5, 1e400."""
    if _ARROW.search(statement):  # 2A => B
        return
    for number in _NUMBER.finditer(statement):
        if number[2]:
            raise FormatError(f"{where}: '{number[0]}' is no number; write a space before a unit.")
        if float(number[1]) == math.inf:
            raise FormatError(f"{where}: {number[1]} is too large for a number.")


def _guard_chains(needs: dict[str, set[str]], declared: dict[str, str], name: str) -> None:
    """Refuse circles, and long chains of rules or functions, for which libAntimony needs minutes to years."""
    try:
        for key, length in chain_lengths(needs):
            if length > (MAX_NESTED_FUNCTIONS if key.startswith("function ") else MAX_CHAIN):
                raise HostileFileError(f"{name}: refused because {length} formulas build on one another up to '{key}'.")
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        where = declared.get(circle[0], name)
        raise ModelError(f"{where}: {' -> '.join(circle)} depend on each other in a circle; break it.") from error


def chain_lengths(needs: Mapping[str, Set[str]]) -> Iterator[tuple[str, int]]:
    """Give for each name how many formulas build on one another up to it; those that others need first.

    Raises
    ------
    CycleError
        When they depend on each other in a circle.
    """
    length: dict[str, int] = {}
    for key in TopologicalSorter({key: names & needs.keys() for key, names in needs.items()}).static_order():
        length[key] = 1 + max((length.get(n, 0) for n in needs[key] & needs.keys()), default=0)
        yield key, length[key]


def _bare(text: str) -> str:
    """Blank out comments and quoted names, keeping every place."""
    return _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def _block_end(text: str) -> int:
    head = re.search(r"(?:^|[;\n])\s*\*?(?:model|module)\b[^\n;]*", _bare(text))
    return head.end() if head else 0


def _roles(statement: str) -> Iterator[tuple[str, str]]:
    """Give the names that a statement declares, each with what it is given (a value, a rule, a reaction, nothing)."""
    if declaration := _DECLARATION.match(statement):
        for item in (declaration[1] or declaration[2] or "").split(","):
            if name := _DECLARED.match(item):
                yield name[1], name[2] or ""
    elif assignment := _ASSIGNMENT.match(statement):
        yield assignment[1], assignment[2]
    elif label := _LABEL.match(statement):
        yield label[1], "reaction"
    elif placed := _PLACED.match(statement):
        yield placed[1], ""


def _statements(parts: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for name, text in parts:
        for number, line in enumerate(_bare(text).split("\n"), start=1):
            for statement in line.split(";"):
                if statement.strip():
                    yield f"{name}:{number}", statement
