"""Examples in README and docs run, and their numbers come from the commands they name."""

import re
import runpy
from pathlib import Path

import pytest

import hepatica as hp
from hepatica.model import moieties

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "studies").glob("*/README.md")),
]
BLOCKS = [
    (page, block) for page in PAGES for block in re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
]


def test_readme_shows_python() -> None:
    assert any(page.name == "README.md" for page, _ in BLOCKS)


@pytest.mark.parametrize(("page", "block"), BLOCKS, ids=[f"{page.name}-{k}" for k, (page, _) in enumerate(BLOCKS)])
def test_python_blocks_run(page: Path, block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(block, str(page), "exec"), {"__name__": "example"})


def test_the_nominal_table_is_what_the_command_prints() -> None:
    printed = runpy.run_path(str(ROOT / "docs" / "nominal.py"))["lines"]()
    text = (ROOT / "docs" / "model.md").read_text()
    for line in printed:
        assert line in text, line


def test_the_tables_of_measurements_are_what_the_command_prints() -> None:
    printed = runpy.run_path(str(ROOT / "docs" / "measurements.py"))["lines"]()
    page = (ROOT / "docs" / "measurements.md").read_text().splitlines()
    assert [line for line in page if line.startswith("|")] == printed


def test_local_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_counts_of_the_model_are_the_models() -> None:
    model = hp.load_model("hcc")
    states = len(hp.compile_model(model, ["cells"]).states)
    computed = {r.variable for r in model.rules}
    parameters = sum(p.id not in computed for p in model.parameters)
    page = " ".join((ROOT / "docs" / "model.md").read_text().split())
    pools = {18: "Eighteen", 19: "Nineteen", 20: "Twenty", 21: "Twenty-one"}[len(moieties(model))]
    for text in (
        f"{states} dynamic states ({len(model.species)} species, {states - len(model.species)} states",
        f"{len(model.reactions)} reactions, {sum(r.kind == 'assignment' for r in model.rules)} algebraic quantities and {parameters}",
        f"{pools} pools are conserved",
    ):
        assert text in page, text
    assert f"**A model** of {states} states and {parameters} parameters" in (ROOT / "README.md").read_text()


def test_reference_levels_are_what_the_model_gives() -> None:
    for line, name, stored, computed in runpy.run_path(str(ROOT / "docs" / "references.py"))["table"]():
        assert stored == pytest.approx(computed, rel=1e-3), f"{line}: {name}"
