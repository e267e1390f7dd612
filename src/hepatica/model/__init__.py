"""Reaction networks as frozen values."""

from hepatica.model.balance import check_balance
from hepatica.model.check import basis_share, check_model
from hepatica.model.conservation import Moiety, moieties
from hepatica.model.expression import (
    TIME,
    Apply,
    Expression,
    Number,
    Symbol,
    substitute,
    symbols,
    to_infix,
    uses_time,
    walk,
)
from hepatica.model.issue import Issue
from hepatica.model.network import (
    Compartment,
    Event,
    InitialAssignment,
    Model,
    Parameter,
    Prior,
    Reaction,
    Rule,
    Species,
    Stoichiometry,
)
from hepatica.model.structure import check_structure, require_structure

__all__ = [
    "TIME", "Apply", "Compartment", "Event", "Expression", "InitialAssignment", "Issue", "Model", "Moiety", "Number",
    "Parameter", "Prior", "Reaction", "Rule", "Species", "Stoichiometry", "Symbol", "basis_share", "check_balance", "check_model",
    "check_structure", "moieties", "require_structure", "substitute", "symbols", "to_infix", "uses_time", "walk",
]  # fmt: skip
