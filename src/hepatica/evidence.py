"""Where a number comes from: sources and their citation."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from hepatica.errors import InputError, NotFoundError, did_you_mean

Basis = Literal["measured", "literature", "derived", "fitted", "assumed"]
BASES: tuple[Basis, ...] = get_args(Basis)
EXPERIMENT = "experiment"
"""Source of inputs and switches that an experiment sets: they say nothing about nature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One entry of the literature record.

    Parameters
    ----------
    key
        Short name by which parameters and claims point here.
    reference
        ``doi:...``, ``pmid:...`` or a place in words; never empty.
    title, authors, journal, year, doi, pmid, pmcid
        Bibliographic data as far as they were verified; empty where not.
    note
        What was read, and what could not be verified.
    """

    key: str
    reference: str
    title: str = ""
    authors: str = ""
    journal: str = ""
    year: int | None = None
    doi: str = ""
    pmid: str = ""
    pmcid: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if not self.reference:
            raise InputError(f"source '{self.key}' has no reference; give a DOI, a PMID or the place in words.")

    @property
    def url(self) -> str:
        """The address of the source at doi.org or PubMed, or nothing."""
        if self.doi:
            return f"https://doi.org/{self.doi}"
        if self.pmid:
            return f"https://pubmed.ncbi.nlm.nih.gov/{self.pmid}/"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What stands behind one number: its basis, the key of its source, and where or how."""

    basis: Basis
    source: str
    note: str = ""

    def __post_init__(self) -> None:
        if self.basis not in BASES:
            raise InputError(f"basis '{self.basis}' is none of {', '.join(BASES)}.{did_you_mean(self.basis, BASES)}")
        if not self.source:
            raise InputError(f"a number with basis '{self.basis}' has no source; name a key of sources.toml.")


_BIBTEX = str.maketrans(
    {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {char: f"\\{char}" for char in "&%$#_{}"}
)


def _bibtex_escape(text: str) -> str:
    return text.translate(_BIBTEX)


def _bibtex_authors(text: str) -> str:
    return _bibtex_escape(text.replace(" et al.", " and others").replace(" et al", " and others"))


def cite(sources: Iterable[Source]) -> str:
    """Write sources as BibTeX, sorted by key.

    Parameters
    ----------
    sources
        The entries.

    Returns
    -------
    str
        One ``@article`` (or ``@misc`` where no journal is known) for each source, each once.

    Examples
    --------
    >>> print(cite([Source(key="a", reference="doi:10.1/x", title="T", journal="J", year=2020, doi="10.1/x")]))
    @article{a,
      title = {T},
      journal = {J},
      year = {2020},
      doi = {10.1/x}
    }
    <BLANKLINE>
    """
    entries = []
    for source in sorted({s.key: s for s in sources}.values(), key=lambda s: s.key):
        fields = [
            ("title", _bibtex_escape(source.title)),
            ("author", _bibtex_authors(source.authors)),
            ("journal", _bibtex_escape(source.journal)),
            ("year", "" if source.year is None else str(source.year)),
            ("doi", source.doi),
            ("pmid", source.pmid),
            ("pmcid", source.pmcid),
            ("howpublished", "" if source.doi or source.pmid else _bibtex_escape(source.reference)),
        ]
        body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields if value)
        kind = "article" if source.journal else "misc"
        entries.append(f"@{kind}{{{source.key},\n{body}\n}}\n")
    return "\n".join(entries)


def find_source(key: str, sources: Iterable[Source]) -> Source:
    """Give the source with a key, or raise :class:`NotFoundError` with near keys."""
    known = {s.key: s for s in sources}
    if key not in known:
        raise NotFoundError(f"no source '{key}' in sources.toml.{did_you_mean(key, known)}")
    return known[key]
