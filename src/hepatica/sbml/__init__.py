"""SBML and Antimony in and out."""

from hepatica.sbml.antimony import assemble, read_antimony, write_antimony
from hepatica.sbml.read import read_sbml
from hepatica.sbml.validate import validate_sbml
from hepatica.sbml.write import write_sbml

__all__ = ["assemble", "read_antimony", "read_sbml", "validate_sbml", "write_antimony", "write_sbml"]
