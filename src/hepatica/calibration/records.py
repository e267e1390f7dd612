"""What a ``calibration.toml`` may hold."""

from typing import Literal

from pydantic import Field

from hepatica.library.files import Record


class FreeRecord(Record):
    """One amount that is estimated for a line by itself."""

    parameter: str
    sd: float = Field(gt=0)
    centre: float | None = None
    note: str = Field(min_length=1)


class LineRecord(Record):
    """One ``[[line]]``."""

    cell_line: str
    free: list[FreeRecord] = Field(default_factory=list[FreeRecord])


class StimulusRecord(Record):
    """One stimulus: an input of the model and its value there."""

    parameter: str
    value: float


class InhibitorRecord(Record):
    """One inhibitor of the bead arrays: inputs of the model that hold its free concentration over Ki, which is estimated."""

    parameters: list[str] = Field(min_length=1)
    centre: float = Field(gt=0)
    sd: float = Field(gt=0)


class ReadoutRecord(Record):
    """One readout of the bead arrays: what the antibody sees, and the amount at which the scale's centre reads half of the ceiling."""

    formula: str
    half: float = Field(gt=0)


class PhosphoRecord(Record):
    """``[phospho]``."""

    tables: list[str]
    before_stimulus_min: float = Field(ge=0)
    ceiling: float = Field(gt=0)
    ceiling_sd: float = Field(gt=0)
    background: float = Field(gt=0)
    background_sd: float = Field(gt=0)
    model_error: float = Field(gt=0)
    model_error_sd: float = Field(gt=0)
    scale_sd: float = Field(gt=0)
    stimuli: dict[str, StimulusRecord]
    inhibitors: dict[str, InhibitorRecord]
    readouts: dict[str, ReadoutRecord]


class GrowthDrugRecord(Record):
    """One drug of the growth tables: what it hits with which relative affinity, its Ki, or another name of it."""

    on: dict[str, float] = Field(default_factory=dict[str, float])
    Ki_nM: float = Field(default=1.0, gt=0)
    sd: float = Field(default=1.5, gt=0)
    second_site: str = ""
    same: str = ""


class GrowthRecord(Record):
    """``[growth]``."""

    serum: float
    at_h: float = Field(gt=0)
    error_pct: float = Field(gt=0)
    error_sd: float = Field(gt=0)
    ic50_error_pct: float = Field(gt=0)
    tested_up_to_uM: float = Field(gt=0)
    doubling_time_sd: float = Field(gt=0)
    control_sd: float = Field(gt=0)
    drugs: dict[str, GrowthDrugRecord]


class Igf1BindingRecord(Record):
    """``[igf1_binding]``."""

    error: float = Field(gt=0)


class ScaledRecord(Record):
    """``[insulin_binding]`` and ``[insulin_timing]``."""

    scale_sd: float = Field(gt=0)
    error_pct: float = Field(gt=0)
    error_sd: float = Field(gt=0)


class ExpectedRecord(Record):
    """One ``[[expected]]``: how well the data were expected to identify a group of parameters, said before the fit."""

    quantity: str = Field(min_length=1)
    parameters: list[str] = Field(min_length=1)
    state: Literal["good", "fair", "weak", "not identifiable", "not fitted"]
    note: str = ""


class CalibrationRecord(Record):
    """``calibration.toml``."""

    id: str
    title: str
    model: str
    prior_only: list[str]
    exceptions: list[str]
    wirings: list[str]
    line: list[LineRecord]
    phospho: PhosphoRecord
    growth: GrowthRecord
    igf1_binding: Igf1BindingRecord | None = None
    insulin_binding: ScaledRecord | None = None
    insulin_timing: ScaledRecord | None = None
    expected: list[ExpectedRecord] = Field(default_factory=list[ExpectedRecord])
