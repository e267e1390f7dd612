"""A study's claims and sources in words."""

from pathlib import Path

from hepatica.claims import Claim, Contrast, read_claims
from hepatica.errors import NotFoundError, did_you_mean
from hepatica.evidence import Source
from hepatica.library import citation
from hepatica.study.plan import Study


def study_sources(study: Study) -> tuple[Source, ...]:
    """Give every source that a study rests on, sorted by key.

    Parameters
    ----------
    study
        Its claims, related literature, model, wirings, cell lines and arms.

    Returns
    -------
    tuple of Source
        Without the entries that only say how a number of the project's own came about.
    """
    evidences = [p.evidence for p in study.model.parameters] + [w.evidence for w in study.wirings]
    evidences += [change.evidence for line in study.lines for change in line.changes]
    evidences += [change.evidence for e in study.experiments for arm in e.arms for change in arm.changes]
    keys = {e.source for e in evidences if e is not None}
    keys |= {study.source, *study.related, *(claim.source for claim in study.claims)}
    keys |= {key for check in study.literature for key in check.sources}
    return tuple(
        sorted(
            (s for s in study.sources if s.key in keys and (s.title or s.journal or s.year or s.doi or s.pmid)),
            key=lambda s: s.key,
        )
    )


def find_claim(name: str, folder: str | Path = "studies") -> Claim:
    """Give a claim of any study in a folder.

    Parameters
    ----------
    name
        Its id, such as ``"C7"``.
    folder
        Holds one folder for each study.

    Raises
    ------
    NotFoundError
        When no study has such a claim.
    """
    known: dict[str, Claim] = {}
    for path in sorted(Path(folder).glob("*/claims.toml")):
        for claim in read_claims(path):
            known.setdefault(claim.id, claim)
    if name not in known:
        raise NotFoundError(f"no claim '{name}' in '{folder}'.{did_you_mean(name, known)}")
    return known[name]


def describe_claim(claim: Claim, sources: tuple[Source, ...]) -> str:
    """Give a claim in words: the statement, where it stands, and what it is taken to entail."""
    kinds = {"input": "the model assumes it", "entailed": "the model must give it by itself"}
    lines = [f"{claim.id}, claim ({kinds[claim.kind]})", f"  {claim.text}", f"  {claim.where}"]
    lines += [f"  {_contrast(contrast)}" for contrast in claim.contrasts]
    lines += [f"  source {s.key}: {citation(s)}" for s in sources if s.key == claim.source]
    return "\n".join(lines)


def _contrast(contrast: Contrast) -> str:
    what = " ".join(part for part in (contrast.readout, contrast.band, contrast.at and f"at {contrast.at}") if part)
    against = contrast.reference or contrast.reference_cell_line or "zero"
    beyond = f", beyond {contrast.minus[0]} against {contrast.minus[1]}" if contrast.minus else ""
    lines = " and ".join(contrast.cell_lines)
    return (
        f"{contrast.id}: {what} ({contrast.experiment}) of {contrast.treated} against {against}{beyond}: "
        f"{contrast.expect} of the {contrast.effect} by more than {contrast.threshold:g}, in {lines}"
    )
