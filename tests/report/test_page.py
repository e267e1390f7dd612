import re
from collections import Counter
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from hepatica.errors import StorageError
from hepatica.report import write_report
from hepatica.report.pictures import pictures


class Page(HTMLParser):
    """Collects what a browser would load, the ids, and whether tags close."""

    VOID = frozenset({"meta", "br", "link", "img", "hr", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in {"script", "link", "iframe", "object", "embed"}:
            self.loads.append(tag)
        for name in ("src", "href", "xlink:href"):
            value = values.get(name) or ""
            (self.links if tag == "a" else self.loads).extend(
                [value] if value and not value.startswith(("#", "data:")) else []
            )
        self.ids += [values["id"]] if values.get("id") else []  # type: ignore[list-item]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def folder(result: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    assert write_report(result, out) == out / "report.html"
    return out


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text())


def test_page_is_complete_and_loads_nothing(page: Page, result: Any) -> None:
    assert page.open == []
    assert page.loads == []
    assert [i for i, n in Counter(page.ids).items() if n > 1] == []
    assert all(link.startswith(("https://doi.org/", "https://pubmed.", "https://pmc.")) for link in page.links)
    assert {f"claim-{c.id}" for c in result.study.claims} <= set(page.ids)


def test_contents_lead_to_sections(folder: Path, page: Page) -> None:
    targets = re.findall(r'<a href="#([\w-]+)"', (folder / "report.html").read_text())
    assert len(targets) >= 14
    assert set(targets) <= set(page.ids)


def test_text_tells_answer_claims_sources_limits_and_provenance(page: Page) -> None:
    text = " ".join(" ".join(page.words).split())
    for part in (
        "In HepG2 sorafenib's IC50 is", "IGF-1R knock-down, against shNT", "holding Akt takes away 62 %",
        "knock-down slows SK-Hep1 xenografts", "No figure was read.", "PMID 36698167", "PMC9878821", "cites the founding paper",
        "hepatica run studies/igf1r-sorafenib --draws 1000 --seed 11", "stopped: more steps than the limit were needed",
        "A drug-bound RAF wakes its partner.", "IGF-1R knock-down; each with sorafenib 0.5, 1, 2.5, 5, 10, 20, 40 µM",
        "expected decrease (ratio, more than 0.01)",
    ):  # fmt: skip
        assert part in text, part


def test_every_figure_stands_alone_and_in_the_page(folder: Path, page: Page, result: Any) -> None:
    names = {p.name for p in pictures(result)}
    assert {p.stem for p in (folder / "figures").glob("*.svg")} == names
    assert len(names) == 14
    for name in names:
        root = ElementTree.fromstring((folder / "figures" / f"{name}.svg").read_text())
        assert root.tag.endswith("svg")
        assert f"{name}-description" in page.ids


def test_same_result_gives_the_same_bytes(folder: Path, result: Any, tmp_path: Path) -> None:
    again = write_report(result, tmp_path)
    assert again.read_bytes() == (folder / "report.html").read_bytes()


def test_hostile_names_are_escaped(result: Any, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    study = SimpleNamespace(**{**vars(result.study), "title": evil, "question": evil, "limits": (evil,)})
    claims = tuple(replace(c, text=evil) if c.id == "C1" else c for c in study.claims)
    study.claims = claims
    pathway = result.pathway.assign(pathway=evil)
    text = write_report(replace(result, study=study, pathway=pathway), tmp_path).read_text()
    assert evil not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert Page(text).loads == []


def test_nothing_to_show_is_said_in_words(result: Any, tmp_path: Path) -> None:
    study = SimpleNamespace(
        **{
            **vars(result.study),
            "claims": (),
            "experiments": (),
            "effect": None,
            "limits": (),
            "wirings": (),
            "sources": (),
        }
    )
    empty = replace(
        result, study=study, readouts={}, verdicts=(), pathway=result.pathway.iloc[:0], sensitivity={}, failures=result.failures.iloc[:0],
        screening=pd.DataFrame(columns=list(result.screening.columns)),
    )  # fmt: skip
    text = write_report(empty, tmp_path).read_text()
    for part in (
        "The study judges no claim.",
        "No reading was made for the figure “blots”",
        "No rule was applied.",
        "None.",
        "No source is recorded.",
    ):
        assert part in text
    assert list((tmp_path / "figures").iterdir()) == []


def test_missing_and_censored_numbers_are_drawn_and_named(result: Any, tmp_path: Path) -> None:
    readouts = {e: {n: a.copy(deep=True) for n, a in group.items()} for e, group in result.readouts.items()}
    for group in readouts.values():
        for array in group.values():
            array[{"draw": slice(0, 5)}] = np.nan
    readouts["dish"]["ic50"].loc[{"cell_line": "SK-Hep1"}] = np.inf
    readouts["dish"]["viability"].loc[{"cell_line": "HepG2"}] = np.nan
    text = unescape(write_report(replace(result, readouts=readouts), tmp_path).read_text())
    assert "In SK-Hep1 sorafenib's IC50 is above the top dose (median over draws)" in text
    assert "no draw has an IC50 to compare" in text
    assert "of the draws cannot be compared because neither curve reaches 50 % or a run failed" in text


def test_weights_move_the_medians(result: Any, tmp_path: Path) -> None:
    draws = result.ensemble.draws.sizes["draw"]
    weights = np.zeros(draws)
    weights[0] = 1.0
    text = unescape(
        write_report(replace(result, ensemble=replace(result.ensemble, weights=weights)), tmp_path).read_text()
    )
    first = float(result.readouts["dish"]["ic50"].sel(cell_line="HepG2", arm="shNT")[0])
    assert f"In HepG2 sorafenib's IC50 is {first:.3g} µM" in text


def test_figures_of_fewer_draws_say_so_and_take_their_weights(result: Any, tmp_path: Path) -> None:
    tumour = result.readouts["xenograft"]["tumour_volume"].isel(draw=slice(0, 30))
    readouts = {**result.readouts, "xenograft": {"tumour_volume": tumour}}
    weights = np.linspace(1.0, 2.0, result.ensemble.draws.sizes["draw"])
    fewer = replace(result, readouts=readouts, ensemble=replace(result.ensemble, weights=weights))
    assert {p.name: p.draws for p in pictures(fewer)}["tumour"] == 30
    text = write_report(fewer, tmp_path).read_text()
    assert "n = 30 draws." in text
    assert f"n = {weights.size} draws." in text


def test_names_with_dollars_and_control_characters_are_drawn(result: Any, tmp_path: Path) -> None:
    evil = "$\\frac{<b>\x00"
    sensitivity = {evil: result.sensitivity["HepG2"].assign(parameter=evil)}
    write_report(replace(result, sensitivity=sensitivity), tmp_path)
    root = ElementTree.fromstring((tmp_path / "figures" / "sensitivity.svg").read_text())
    assert "$\\frac{<b>" in "".join(root.itertext())


def test_page_forbids_the_browser_to_load_anything(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in text


def test_censored_share_names_the_top_dose(folder: Path) -> None:
    assert "&gt; 40 in " in (folder / "figures" / "ic50.svg").read_text()


def test_an_unwritable_folder_is_one_sentence(result: Any, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StorageError, match="cannot be written: Not a directory; free space or choose another folder"):
        write_report(result, blocked)


def test_numbers_of_other_papers_stand_in_the_page(result: Any, tmp_path: Path) -> None:
    row = {
        "check": "pERK, 5 uM", "text": "pERK after 5 uM", "cell_line": "HepG2", "system": "SMMC-7721, n=6", "unit": "1", "measured": 0.8,
        "sd": 0.1, "q05": 0.2, "q25": 0.3, "median": 0.4, "q75": 0.5, "q95": 0.6, "within": "above", "n": 20, "left_out": 1,
        "source": "thesis_sorafenib_perk",
    }  # fmt: skip
    before = {f"prior_{name}": 0.9 for name in ("q05", "q25", "median", "q75", "q95")} | {"prior_within": "50 %"}
    censored = row | {"check": "IC50", "unit": "uM", "sd": np.nan, "q95": np.inf, "within": "90 %", "prior_q95": np.inf}
    table = pd.DataFrame([row | before, before | censored])
    page = write_report(replace(result, literature=table), tmp_path)
    text = " ".join(re.sub(r"<[^>]+>", " ", page.read_text()).split())
    assert (
        "1 of 2 lie in the 90 % intervals predicted for them, 0 in the 50 % intervals; in the 90 % intervals from before the data 2."
        in text
    )
    assert "SMMC-7721, n=6 0.8 ± 0.1 HepG2" in text
    assert "0.4 [0.2, 0.6] 1 draws failed above the 90 %" in text
    assert "0.8 µM" in text
    svg = (tmp_path / "figures" / "elsewhere.svg").read_text()
    assert "HepG2: pERK, 5 µM (SMMC-7721)" in svg
