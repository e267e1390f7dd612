"""What the library holds: models, cell lines, drugs, tools, measurements and the literature record, as files with sources."""

from hepatica.library.describe import citation, describe, find
from hepatica.library.load import (
    list_cell_lines,
    list_drugs,
    list_models,
    list_tools,
    load_cell_line,
    load_drug,
    load_ensemble,
    load_left_out,
    load_model,
    load_posterior,
    load_sources,
    load_tool,
    load_wirings,
)
from hepatica.library.measured import Measurements, describe_measurements, list_measurements, load_measurements

__all__ = [
    "Measurements",
    "citation",
    "describe",
    "describe_measurements",
    "find",
    "list_cell_lines",
    "list_drugs",
    "list_measurements",
    "list_models",
    "list_tools",
    "load_cell_line",
    "load_drug",
    "load_ensemble",
    "load_measurements",
    "load_model",
    "load_left_out",
    "load_posterior",
    "load_sources",
    "load_tool",
    "load_wirings",
]
