"""What the library's TOML files may hold."""

from pydantic import Field

from hepatica.evidence import Basis
from hepatica.experiment import How
from hepatica.library.files import Record


class Sourced(Record):
    """Anything that rests on a source."""

    basis: Basis
    source: str = Field(min_length=1)
    note: str = ""


class ChangeRecord(Sourced):
    """One ``[[changes]]``; times are texts with a unit, or numbers in min."""

    target: str
    how: How = "set"
    value: float
    unit: str = Field(min_length=1)
    start: str | float | None = None
    stop: str | float | None = None


class Named(Record):
    """A file about one thing."""

    id: str = Field(min_length=1)
    name: str
    aliases: list[str] = Field(default_factory=list[str])
    note: str = ""

    def called(self) -> tuple[str, ...]:
        """Give every name it answers to."""
        return (self.id, self.name, *self.aliases)


class CellLineRecord(Named):
    """``cell_lines/NAME.toml``."""

    cellosaurus: str = ""
    changes: list[ChangeRecord]


class ToolRecord(Named):
    """``tools/NAME.toml``."""

    changes: list[ChangeRecord]


class TargetRecord(Sourced):
    """One ``[[targets]]`` of a drug."""

    name: str
    parameter: str = ""
    ic50_nM: float


class BindingRecord(Sourced):
    """``[binding]`` of a drug."""

    fu_medium: float | None = None
    fu_plasma: float | None = None


class RegimenRecord(Sourced):
    """One ``[[regimens]]`` of a drug."""

    name: str
    changes: list[ChangeRecord]


class DrugRecord(Named):
    """``drugs/NAME.toml``."""

    parameter: str
    unit: str
    chebi: str = ""
    targets: list[TargetRecord] = Field(default_factory=list[TargetRecord])
    binding: BindingRecord | None = None
    regimens: list[RegimenRecord] = Field(default_factory=list[RegimenRecord])


class SourceRecord(Record):
    """One table of ``sources.toml``; the key is the table's name."""

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


class WiringRecord(Sourced):
    """One ``[[wirings]]`` of a model's ``wirings.toml``."""

    id: str
    parameter: str
    sentence: str
    probability: float


class WiringsRecord(Record):
    """``wirings.toml``."""

    wirings: list[WiringRecord]


class ModelRecord(Record):
    """``model.toml``."""

    id: str
    name: str
    description: str = ""
    modules: list[str] = Field(min_length=1)
    parameters: str = "parameters.tsv"
    wirings: str = "wirings.toml"
    time_unit: str = "min"
