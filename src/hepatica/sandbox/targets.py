"""What the child process may be asked to do, and how an answer or an error is put into words for the parent."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from hepatica.errors import HepaticaError, HostileFileError

Answer = tuple[Any, bytes]
Target = Callable[[Mapping[str, Any], bytes], Answer]

TARGETS: Mapping[str, str] = {
    "read_sbml": "hepatica.isolated.read_sbml_here",
    "read_antimony": "hepatica.isolated.read_antimony_here",
    "write_antimony": "hepatica.isolated.write_antimony_here",
    "validate_sbml": "hepatica.isolated.validate_sbml_here",
    "check": "hepatica.isolated.check_here",
    "generate": "hepatica.isolated.generate_here",
    "generate_derivative": "hepatica.isolated.generate_derivative_here",
}
"""Dotted names of the functions by the names under which they are asked for; nothing else is ever imported."""


def resolve(dotted: str) -> Target:
    """Import a function by its dotted name."""
    module, _, name = dotted.rpartition(".")
    function: Target = getattr(import_module(module), name)
    return function


def perform(function: Target, arguments: Mapping[str, Any], data: bytes, subject: str) -> Answer:
    """Call a function; what Python runs out of becomes an error about the subject.

    Raises
    ------
    HepaticaError
        What the function raises.
    HostileFileError
        When Python's stack or the memory is used up.
    """
    try:
        return function(arguments, data)
    except RecursionError as error:
        raise HostileFileError(f"{subject}: refused because it is nested too deeply.") from error
    except MemoryError as error:
        raise HostileFileError(f"{subject}: refused because it needs more memory than allowed.") from error


def pack_error(error: HepaticaError) -> dict[str, str]:
    """Give an error as data."""
    return {"class": type(error).__name__, "text": str(error)}


def unpack_error(packed: Mapping[str, str]) -> HepaticaError:
    """Give the error of the same class and text."""
    return _classes(HepaticaError)[packed["class"]](packed["text"])


def _classes(root: type[HepaticaError]) -> dict[str, type[HepaticaError]]:
    found = {root.__name__: root}
    for kind in root.__subclasses__():
        found |= _classes(kind)
    return found
