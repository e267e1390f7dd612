"""What a ``study.toml`` may hold."""

from typing import Annotated, Literal

from pydantic import Field

from hepatica.library.files import Record
from hepatica.library.records import ChangeRecord

Text = Annotated[str, Field(min_length=1)]
Reading = Literal[
    "western_blot", "viability", "growth_rate", "gr", "cleaved_caspase", "cleaved_parp", "dead_fraction", "s_phase",
    "wound_closure", "tumour_volume", "level",
]  # fmt: skip
Clamp = Literal["akt", "erk", "both"]


class RuleRecord(Record):
    """One ``[[rule]]``: what a draw must do, in each cell line, to be believed."""

    id: Text
    sentence: Text
    kind: Literal["steady_state", "doubling_time", "daily_loss", "response"]
    within: Annotated[float, Field(gt=0)] | None = None
    below: Annotated[float, Field(gt=0)] | None = None
    manipulation: str = ""
    observable: str = ""
    at: str = ""
    at_least_fold: Annotated[float, Field(gt=0)] | None = None


class ManipulationRecord(Record):
    """One ``[[manipulation]]``: nothing, a tool of the library, a drug at a fixed dose, or changes of the model."""

    id: Text
    name: str = ""
    note: str = ""
    tool: str = ""
    drug: str = ""
    dose: str = ""
    changes: list[ChangeRecord] = Field(default_factory=list[ChangeRecord])


class AssayRecord(Record):
    """One ``[[experiment.assay]]``: what is read, and when."""

    read: Reading
    at: str | list[str]
    observable: str = ""


class ExperimentRecord(Record):
    """One ``[[experiment]]``; its ``tools`` and ``changes`` are done to every arm."""

    id: Text
    title: str = ""
    note: str = ""
    cell_lines: list[str] = Field(default_factory=list[str])
    manipulations: list[str]
    drug: str = ""
    doses: list[str] = Field(default_factory=list[str])
    regimen: str = ""
    clamps: list[Clamp] = Field(default_factory=list[Clamp])
    fit: bool = False
    draws: Annotated[int, Field(gt=0)] | None = None
    equilibrate: bool = True
    tools: list[str] = Field(default_factory=list[str])
    changes: list[ChangeRecord] = Field(default_factory=list[ChangeRecord])
    assay: Annotated[list[AssayRecord], Field(min_length=1)]


class EffectRecord(Record):
    """``[effect]``: the shift whose causes are asked for."""

    experiment: str
    treated: str
    reference: str
    clamped: str = ""
    clamped_reference: str = ""


class StudyRecord(Record):
    """The whole file."""

    id: Text
    title: Text
    question: str = ""
    source: Text
    related: list[str] = Field(default_factory=list[str])
    limits: list[str] = Field(default_factory=list[str])
    model: Text
    claims: str = "claims.toml"
    literature: str = ""
    cell_lines: Annotated[list[str], Field(min_length=1)]
    draws: Annotated[int, Field(gt=0)] = 1000
    seed: Annotated[int, Field(ge=0)] = 1
    candidates: Annotated[int, Field(gt=0)] = 20000
    block: Annotated[int, Field(gt=0)] = 100
    posterior: str = ""
    rule: list[RuleRecord] = Field(default_factory=list[RuleRecord])
    manipulation: Annotated[list[ManipulationRecord], Field(min_length=1)]
    experiment: Annotated[list[ExperimentRecord], Field(min_length=1)]
    effect: EffectRecord | None = None
