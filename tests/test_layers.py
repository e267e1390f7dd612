"""The house's rules that a machine can check: who may import whom, and that every error is raised once in the tests."""

import ast
import inspect
from functools import cache
from pathlib import Path

import pytest

import hepatica
from hepatica import errors

SOURCE = Path(hepatica.__file__).parent
TESTS = Path(__file__).parent
ROWS = (
    ("errors",),
    ("units", "evidence", "sandbox"),
    ("model",),
    ("sbml", "compiler", "experiment"),
    ("solver", "pharmacology", "ensemble", "isolated"),
    ("library", "simulation", "failed"),
    ("assays", "streaming", "agreement"),
    ("inference", "analysis", "course"),
    ("claims", "calibration"),
    ("report", "literature"),
    ("study",),
    ("web", "cli"),
)
ROW = {room: number for number, rooms in enumerate(ROWS) for room in rooms}
SHELL = {"__init__", "__main__"}  # the public list of names, and python -m hepatica
PATHS = sorted(SOURCE.rglob("*.py"))
NAMES = [str(p.relative_to(SOURCE)) for p in PATHS]


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> list[tuple[int, str]]:
    """Every module of hepatica that a file imports, with its line; relative imports made absolute."""
    package = ("hepatica", *path.relative_to(SOURCE).parts[:-1])
    found = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [alias.name for alias in node.names]
            found += (
                [(node.lineno, f"{module}.{name}") for name in names]
                if module == "hepatica"
                else [(node.lineno, module)]
            )
    return [(line, name) for line, name in found if name == "hepatica" or name.startswith("hepatica.")]


def forbidden(room: str, module: str) -> str:
    """Why a room may not import a module; empty when it may."""
    if module == "hepatica":
        return "imports the public list instead of the room"
    target = module.split(".")[1]
    if target not in ROW:
        return f"imports '{target}', which is no room"
    if target == room:
        return ""
    if ROW[target] >= ROW[room]:
        return f"imports '{target}', which is not above it"
    if room == "solver" and target == "compiler" and module != "hepatica.compiler.kernel":
        return "imports more of the compiler than compiler.kernel"
    return ""


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_file_stands_in_a_known_room(path):
    assert room_of(path) in {*ROW, *SHELL}


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_imports_only_from_rooms_above(path):
    room = room_of(path)
    if room in SHELL:
        return
    wrong = [f"{path.relative_to(SOURCE)}:{line}: {why}" for line, m in imports(path) if (why := forbidden(room, m))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("room", "module", "allowed"),
    [
        ("solver", "hepatica.compiler.kernel", True),
        ("solver", "hepatica.compiler", False),
        ("solver", "hepatica.compiler.system", False),
        ("model", "hepatica.experiment", False),
        ("assays", "hepatica.simulation", True),
        ("pharmacology", "hepatica.ensemble", False),
        ("library", "hepatica.library.files", True),
        ("library", "hepatica.nowhere", False),
        ("library", "hepatica", False),
    ],
)
def test_the_rule_itself(room, module, allowed):
    assert (forbidden(room, module) == "") is allowed


def test_relative_imports_are_seen():
    assert imports(SOURCE / "pharmacology" / "grid.py")
    assert all(name.startswith("hepatica.") for _, name in imports(SOURCE / "pharmacology" / "grid.py"))


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_files_stay_small_and_say_what_they_are(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500
    assert ast.get_docstring(tree_of(path))


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_nothing_is_swallowed_pickled_or_printed(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ExceptHandler):
            names = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)} if node.type else {"BaseException"}
            broad = names & {"Exception", "BaseException"}
            reraised = any(isinstance(n, ast.Raise) for n in ast.walk(node))
            assert not broad or reraised, f"{path}:{node.lineno}: a broad except that does not raise"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {a.name for a in node.names} | {getattr(node, "module", "") or ""}
            assert not names & {"pickle", "cloudpickle", "dill", "shelve"}, f"{path}:{node.lineno}: pickle"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            assert room_of(path) == "cli", f"{path}:{node.lineno}: print"


def raised_in_tests() -> set[str]:
    names: set[str] = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "raises":
                names |= {n.id for a in node.args for n in ast.walk(a) if isinstance(n, ast.Name)}
                names |= {n.attr for a in node.args for n in ast.walk(a) if isinstance(n, ast.Attribute)}
    return names


ROOT = errors.HepaticaError  # never raised itself
ALL_ERRORS = [n for n, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, ROOT) and c is not ROOT]


@pytest.mark.parametrize("error", ALL_ERRORS)
def test_every_error_is_raised_somewhere_in_the_tests(error):
    assert error in raised_in_tests()
