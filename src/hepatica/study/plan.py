"""What a study consists of, as frozen values."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from hepatica.assays import Panel
from hepatica.claims import Claim
from hepatica.ensemble import Ensemble, Wiring
from hepatica.evidence import Source
from hepatica.experiment import Arm, CellLine, Experiment
from hepatica.literature import LiteratureCheck
from hepatica.model import Model

RuleKind = Literal["steady_state", "doubling_time", "daily_loss", "response"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A plausibility rule that a draw must pass in each cell line before any claim is looked at.

    Parameters
    ----------
    id, sentence
        Name, and the rule in words.
    kind
        ``steady_state``: the untreated line has one. ``doubling_time``: ln 2 / (division - death rate) of the untreated
        line differs from the measured one by less than the share ``limit``. ``daily_loss``: 1 - exp(-death rate x
        1 day) is below ``limit``. ``response``: ``observable`` under ``arm`` is at least ``limit`` times the untreated
        one at ``at``.
    limit
        Dimensionless.
    arm, observable, at
        For ``response``; ``at`` in min.
    """

    id: str
    sentence: str
    kind: RuleKind
    limit: float = 0.0
    arm: Arm | None = None
    observable: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyExperiment:
    """Arms that are simulated in several cell lines and read by several assays.

    Parameters
    ----------
    id, title
        Name, and what is done in words.
    cell_lines
        Ids.
    arms
        Treatment groups, the same in each cell line.
    panel
        What is read.
    fit
        Label of the dose (``"sorafenib_uM"``) over which dose-response curves are fitted; empty for none.
    draws
        Only so many of the accepted draws; ``None`` means all.
    equilibrate
        Whether each arm starts from its steady state.
    clamped
        Whether some arms hold a pathway at the level it has in the untreated control, draw by draw.
    note
        What is assumed.
    """

    id: str
    title: str
    cell_lines: tuple[str, ...]
    arms: tuple[Arm, ...]
    panel: Panel
    fit: str = ""
    draws: int | None = None
    equilibrate: bool = True
    clamped: bool = False
    note: str = ""

    def experiment(self, cell_line: CellLine) -> Experiment:
        """Give the experiment of one cell line."""
        return Experiment(
            id=self.id, arms=self.arms, assay=self.panel, cell_line=cell_line, equilibrate=self.equilibrate
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The effect whose causes are asked for: the shift of the IC50 of ``treated`` against ``reference``.

    ``clamped`` names the experiment that repeats it with pathways held, with ``clamped_reference`` as its control.
    """

    experiment: str
    treated: str
    reference: str
    clamped: str = ""
    clamped_reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Everything that a run needs.

    Parameters
    ----------
    id, title, question
        Name, title, and what is asked, in words.
    source
        Key of the paper whose statements are the claims.
    model, wirings, lines
        The model, its rival wirings, and every cell line that an experiment names.
    cell_lines
        Ids of the lines that the screening rules apply to.
    control
        The untreated arm of the screening.
    rules, experiments, claims, effect
        What is screened, simulated, judged and explained.
    draws, seed
        How many accepted draws, and the seed of the candidates.
    candidates
        Give up after so many candidate draws.
    block
        Draws in one work unit.
    posterior
        Draws that were fitted to data; ``None`` for a study of the prior alone. As many as ``draws`` are used.
    left_out
        Draws that were fitted without one data set each (coordinate ``left_out``); they tell which data move a claim.
    literature
        Measured numbers, beside what is predicted of them.
    sources, related
        The literature record, and the keys of what cites or surrounds the paper.
    limits
        What the study cannot tell, in words.
    path
        The ``study.toml``.
    """

    id: str
    title: str
    question: str
    source: str
    model: Model
    wirings: tuple[Wiring, ...]
    lines: tuple[CellLine, ...]
    cell_lines: tuple[str, ...]
    control: Arm
    rules: tuple[Rule, ...]
    experiments: tuple[StudyExperiment, ...]
    claims: tuple[Claim, ...]
    effect: Effect | None
    draws: int
    seed: int
    candidates: int
    block: int
    posterior: Ensemble | None = None
    left_out: Ensemble | None = None
    literature: tuple[LiteratureCheck, ...] = ()
    sources: tuple[Source, ...] = ()
    related: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    path: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 over everything that can change a readout; claims and literature, which only judge them, are left out."""
        parts = (
            self.model.digest, self.wirings, self.lines, self.cell_lines, self.control, self.rules, self.experiments,
            self.draws, self.seed, self.candidates, self.block,
        )  # fmt: skip
        posterior = b"" if self.posterior is None else self.posterior.draws.values.tobytes()
        return sha256(repr(parts).encode() + posterior).hexdigest()

    def line(self, cell_line: str) -> CellLine:
        """Give the cell line with an id."""
        return next(line for line in self.lines if line.id == cell_line)
