"""What the library holds: models, cell lines, drugs, tools and the literature record, as files with sources."""

from hepatica.library.describe import citation, describe, find
from hepatica.library.load import (
    list_cell_lines,
    list_drugs,
    list_models,
    list_tools,
    load_cell_line,
    load_drug,
    load_ensemble,
    load_model,
    load_sources,
    load_tool,
    load_wirings,
)

__all__ = [
    "citation",
    "describe",
    "find",
    "list_cell_lines",
    "list_drugs",
    "list_models",
    "list_tools",
    "load_cell_line",
    "load_drug",
    "load_ensemble",
    "load_model",
    "load_sources",
    "load_tool",
    "load_wirings",
]
