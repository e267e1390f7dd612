"""Broken files made of good ones: of bytes, of XML trees and of lines of text."""

import random
import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from xml.etree import ElementTree

Element = ElementTree.Element
MATHML = "{http://www.w3.org/1998/Math/MathML}"
NUMBERS = (
    "0", "-1", "1", "2", "0.5", "-0", "1e308", "-1e308", "1e-320", "1e400", "nan", "NaN", "inf", "INF", "-INF", "1e-9", "1e9",
    "3.0000000000000004", "", "x", "0x10", "1_000", " 1 ", "１", "9" * 400,
)  # fmt: skip
OPERATORS = (
    "plus", "minus", "times", "divide", "power", "root", "exp", "ln", "log", "abs", "floor", "ceiling", "factorial", "sin", "cos",
    "tan", "sec", "csc", "cot", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh", "arcsec",
    "arccsc", "arccot", "and", "or", "xor", "not", "eq", "neq", "gt", "lt", "geq", "leq", "min", "max", "rem", "quotient",
    "implies", "piecewise", "lambda", "nonsense",
)  # fmt: skip
MOST_ELEMENTS = 6_000
RULES = ("assignmentRule", "rateRule", "algebraicRule", "initialAssignment")
TOKENS = (
    b"\0", b"\xff", b"<!DOCTYPE a>", b"&x;", b"]]>", b"<![CDATA[", b"<!--", b"<?xml version='1.0'?>", b"<", b">", b'"', b"\xef\xbb\xbf",
    b"/*", b"'", b":=", b"=>", b"->", b"import \"x\"", b";", b"\\\n", b"model a()", b"end", b"%s%n", b"\xed\xa0\x80", b"#",
)  # fmt: skip


def mutate(rng: random.Random, kind: str, seed: bytes, other: bytes) -> bytes:
    """Give a broken copy of a file.

    Parameters
    ----------
    rng
        Where every choice comes from.
    kind
        ``sbml`` or ``antimony``.
    seed, other
        The file, and another one of which parts may be taken.
    """
    structured = _mutate_tree if kind == "sbml" else _mutate_lines
    if rng.random() < 0.75:
        return structured(rng, seed, other)
    return _mutate_bytes(rng, structured(rng, seed, other) if rng.random() < 0.2 else seed, other)


def _mutate_bytes(rng: random.Random, seed: bytes, other: bytes) -> bytes:
    data = bytearray(seed)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        at, length = rng.randrange(len(data) + 1), rng.choice((1, 1, 4, 16, 64, 512))
        what = rng.randrange(7)
        if what == 0 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif what == 1:
            del data[at : at + length]
        elif what == 2:
            data[at:at] = bytes(data[at : at + length]) * rng.choice((1, 2, 50))
        elif what == 3:
            begin = rng.randrange(len(other) + 1)
            data[at : at + length] = other[begin : begin + length]
        elif what == 4:
            data[at:at] = rng.choice(TOKENS)
        elif what == 5:
            names = [m.span() for m in re.finditer(rb"<ci>[^<]*</ci>", bytes(data))]
            if names:
                begin, end = rng.choice(names)
                deep = rng.choice((100, 150, 1000, 6000, 30000))
                data[end:end] = b"</apply>" * deep
                data[begin:begin] = b"<apply><minus/>" * deep
        else:
            digits = [m.span() for m in re.finditer(rb"\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", bytes(data))]
            if digits:
                begin, end = rng.choice(digits)
                data[begin:end] = rng.choice(NUMBERS).encode()
    return bytes(data)


def _mutate_tree(rng: random.Random, seed: bytes, other: bytes) -> bytes:
    root = ElementTree.fromstring(seed)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        rng.choice(TREE_MUTATIONS)(rng, root, other)
    default = re.search(r"\{(.*)\}", root.tag)
    text = ElementTree.tostring(root, encoding="unicode", default_namespace=None)
    # an id may have been renamed away from its namespace; the default prefix keeps the text like a user's
    prefix = re.search(r"xmlns:(ns\d+)=\"" + re.escape(default[1]) + '"', text) if default else None
    if prefix:
        text = re.sub(rf"(</?){prefix[1]}:", r"\1", text).replace(f"xmlns:{prefix[1]}=", "xmlns=")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + text.encode("utf-8", "surrogatepass")


def _elements(root: Element, *, inside_math: bool | None = None) -> list[Element]:
    found = [e for e in root.iter() if e is not root]
    if inside_math is not None:
        found = [e for e in found if e.tag.startswith(MATHML) == inside_math]
    return found or [root]


def _affordable(element: Element, count: int) -> int:
    """Give how many copies of an element keep a file small."""
    return max(1, min(count, MOST_ELEMENTS // sum(1 for _ in element.iter())))


def _parents(root: Element) -> dict[Element, Element]:
    return {child: parent for parent in root.iter() for child in parent}


def _number(rng: random.Random, root: Element, _other: bytes) -> None:
    numeric = (
        "value",
        "size",
        "initialAmount",
        "initialConcentration",
        "stoichiometry",
        "spatialDimensions",
        "exponent",
    )
    places = [(e, a) for e in root.iter() for a in e.attrib if a in numeric]
    constants = [e for e in root.iter(f"{MATHML}cn") if e.text]
    if constants and (not places or rng.random() < 0.5):
        rng.choice(constants).text = rng.choice(NUMBERS)
    elif places:
        element, attribute = rng.choice(places)
        element.set(attribute, rng.choice(NUMBERS))


def _swap_ids(rng: random.Random, root: Element, _other: bytes) -> None:
    named = [e for e in root.iter() if "id" in e.attrib]
    if len(named) > 1:
        a, b = rng.sample(named, 2)
        if rng.random() < 0.5:
            a.set("id", b.get("id", ""))
        else:
            first, second = a.get("id", ""), b.get("id", "")
            a.set("id", second)
            b.set("id", first)


def _rename_reference(rng: random.Random, root: Element, _other: bytes) -> None:
    ids = [e.get("id", "") for e in root.iter() if "id" in e.attrib] or ["x"]
    attributes = (
        "species",
        "variable",
        "symbol",
        "compartment",
        "units",
        "substanceUnits",
        "timeUnits",
        "id",
        "metaid",
    )
    places = [(e, a) for e in root.iter() for a in e.attrib if a in attributes]
    names = list(root.iter(f"{MATHML}ci"))
    new = rng.choice([*ids, "absent", "", "time", "1x", "a b", "é", "x" * 5000])
    if names and (not places or rng.random() < 0.6):
        rng.choice(names).text = new
    elif places:
        element, attribute = rng.choice(places)
        element.set(attribute, new)


def _drop(rng: random.Random, root: Element, _other: bytes) -> None:
    parents = _parents(root)
    victim = rng.choice(_elements(root))
    if victim in parents:
        parents[victim].remove(victim)


def _duplicate(rng: random.Random, root: Element, _other: bytes) -> None:
    parents = _parents(root)
    chosen = rng.choice(_elements(root))
    if chosen in parents:
        home = parents[chosen] if rng.random() < 0.8 else rng.choice(_elements(root))
        copies = [deepcopy(chosen) for _ in range(_affordable(chosen, rng.choice((1, 1, 2, 300))))]
        home.extend(copies)


def _move(rng: random.Random, root: Element, _other: bytes) -> None:
    parents = _parents(root)
    chosen, home = rng.choice(_elements(root)), rng.choice(_elements(root))
    if chosen in parents and home not in list(chosen.iter()):
        parents[chosen].remove(chosen)
        home.insert(rng.randrange(len(home) + 1), chosen)


def _attribute(rng: random.Random, root: Element, _other: bytes) -> None:
    places = [(e, a) for e in root.iter() for a in e.attrib]
    if not places:
        return
    element, attribute = rng.choice(places)
    if rng.random() < 0.5:
        del element.attrib[attribute]
    else:
        flipped = {"true": "false", "false": "true"}
        element.set(
            attribute, flipped.get(element.get(attribute, ""), rng.choice(("true", "false", "3", "", *NUMBERS)))
        )


def _operator(rng: random.Random, root: Element, _other: bytes) -> None:
    heads = [e[0] for e in root.iter(f"{MATHML}apply") if len(e)]
    if heads:
        rng.choice(heads).tag = MATHML + rng.choice(OPERATORS)


def _nest(rng: random.Random, root: Element, _other: bytes) -> None:
    parents = _parents(root)
    inner = [e for e in _elements(root, inside_math=True) if e in parents and e.tag != f"{MATHML}math"]
    if not inner:
        return
    chosen = rng.choice(inner)
    home = parents[chosen]
    place = list(home).index(chosen)
    home.remove(chosen)
    operator, nested = rng.choice(("minus", "exp", "plus", "abs", "root", "not")), chosen
    for _ in range(rng.choice((1, 2, 10, 60, 100))):
        wrapper = Element(f"{MATHML}apply")
        wrapper.append(Element(f"{MATHML}{operator}"))
        wrapper.append(nested)
        nested = wrapper
    home.insert(place, nested)


def _widen(rng: random.Random, root: Element, _other: bytes) -> None:
    inner = [e for e in root.iter(f"{MATHML}apply") if len(e) > 1]
    if inner:
        chosen = rng.choice(inner)
        argument = rng.choice(list(chosen)[1:])
        count = _affordable(argument, rng.choice((1, 5, 200, 3000)))
        chosen.extend([deepcopy(argument) for _ in range(count)])


def _transplant(rng: random.Random, root: Element, other: bytes) -> None:
    donor = root
    if rng.random() < 0.5:
        try:
            donor = ElementTree.fromstring(other)
        except ElementTree.ParseError:
            donor = root
    parents = _parents(root)
    inside = rng.random() < 0.7
    chosen, gift = rng.choice(_elements(root, inside_math=inside)), rng.choice(_elements(donor, inside_math=inside))
    if chosen in parents and gift is not donor:
        home = parents[chosen]
        place = list(home).index(chosen)
        home.remove(chosen)
        home.insert(place, deepcopy(gift))


def _rule_kind(rng: random.Random, root: Element, _other: bytes) -> None:
    rules = [e for e in root.iter() if e.tag.rpartition("}")[2] in RULES]
    if rules:
        rule = rng.choice(rules)
        rule.tag = rule.tag.rpartition("}")[0] + ("}" if "}" in rule.tag else "") + rng.choice(RULES)


TREE_MUTATIONS: tuple[Callable[[random.Random, Element, bytes], None], ...] = (
    _number, _number, _swap_ids, _rename_reference, _rename_reference, _drop, _duplicate, _move, _attribute, _attribute,
    _operator, _operator, _nest, _widen, _transplant, _transplant, _rule_kind,
)  # fmt: skip


def _mutate_lines(rng: random.Random, seed: bytes, other: bytes) -> bytes:
    lines = seed.decode().split("\n")
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(lines))
        what = rng.randrange(8)
        if what == 0:
            del lines[at]
            lines = lines or [""]
        elif what == 1:
            lines[at:at] = [rng.choice(lines)] * rng.choice((1, 1, 300))
        elif what == 2:
            lines.insert(at, rng.choice(other.decode(errors="ignore").split("\n")))
        elif what == 3:
            _change_token(rng, lines, r"(?<![\w.])\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", NUMBERS)
        elif what == 4:
            names = re.findall(r"[A-Za-z_]\w*", "\n".join(lines)) or ["x"]
            _change_token(
                rng, lines, r"[A-Za-z_]\w*", [*rng.sample(names, min(5, len(names))), "absent", "time", "piecewise"]
            )
        elif what == 5:
            signs = (
                "+",
                "-",
                "*",
                "/",
                "^",
                "=",
                ":=",
                "'=",
                "=>",
                "->",
                "<",
                ">=",
                "&&",
                "||",
                "(",
                ")",
                ",",
                ";",
                "$",
                "!",
            )
            _change_token(rng, lines, r"[-+*/^=<>&|(),;$!:]+", signs)
        elif what == 6:
            operator, count = rng.choice(("-", "exp", "(", "x + ")), rng.choice((2, 60, 200, 5000))
            opened = {"-": "-" * count, "x + ": "x + " * count}.get(operator, f"{operator.rstrip('(')}(" * count)
            closed = "" if operator in {"-", "x + "} else ")" * count
            _change_token(rng, lines, r"[A-Za-z_]\w*|\d+", (f"{opened}x{closed}",))
        else:
            a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
            lines[a], lines[b] = lines[b], lines[a]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _change_token(rng: random.Random, lines: list[str], pattern: str, choices: Sequence[str]) -> None:
    found = [(i, m.span()) for i, line in enumerate(lines) for m in re.finditer(pattern, line)]
    if found:
        i, (begin, end) = rng.choice(found)
        lines[i] = lines[i][:begin] + rng.choice(choices) + lines[i][end:]
