"""Reaction networks as frozen values."""

from hepatica.model.expression import TIME, Apply, Expression, Number, Symbol, substitute, symbols, to_infix, uses_time, walk
from hepatica.model.network import Compartment, InitialAssignment, Model, Parameter, Prior, Reaction, Rule, Species

__all__ = [
    "TIME", "Apply", "Compartment", "Expression", "InitialAssignment", "Model", "Number", "Parameter", "Prior",
    "Reaction", "Rule", "Species", "Symbol", "substitute", "symbols", "to_infix", "uses_time", "walk",
]  # fmt: skip
