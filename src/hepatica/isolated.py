"""What the child process runs on behalf of the readers, the checks and the compiler; asked for by name only.

Each function takes what JSON knows and bytes, and gives the same; models travel as
:func:`~hepatica.model.codec.to_json` writes them.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hepatica.compiler.compile import generate
from hepatica.compiler.derivatives import generate_derivative
from hepatica.compiler.processor import Processor
from hepatica.model.check import find_issues
from hepatica.model.codec import from_json, to_json
from hepatica.sbml.antimony import read_text_here, write_here
from hepatica.sbml.read import Place, read_document
from hepatica.sbml.validate import validate_here

Arguments = Mapping[str, Any]


def read_sbml_here(arguments: Arguments, data: bytes) -> tuple[None, bytes]:
    """Read SBML; give the model, marked as foreign."""
    folder = arguments["folder"]
    place = Place(name=arguments["name"], folder=None if folder is None else Path(folder))
    model = read_document(data.decode("utf-8", errors="surrogatepass"), place)
    return None, to_json(replace(model, foreign=True))


def read_antimony_here(arguments: Arguments, data: bytes) -> tuple[None, bytes]:
    """Read Antimony; give the model, marked as foreign."""
    model = read_text_here(data.decode("utf-8", errors="surrogatepass"), arguments["name"])
    return None, to_json(replace(model, foreign=True))


def write_antimony_here(_arguments: Arguments, data: bytes) -> tuple[None, bytes]:
    """Write a model as Antimony; give the text."""
    return None, write_here(from_json(data)).encode("utf-8", errors="surrogatepass")


def validate_sbml_here(arguments: Arguments, data: bytes) -> tuple[list[list[str]], bytes]:
    """Give severity, place and message of everything that libSBML finds in an SBML text."""
    issues = validate_here(data.decode("utf-8", errors="surrogatepass"), arguments["name"])
    return [[issue.severity, issue.where, issue.message] for issue in issues], b""


def check_here(_arguments: Arguments, data: bytes) -> tuple[list[list[str]], bytes]:
    """Check a model; give severity, place and message of every issue."""
    return [[issue.severity, issue.where, issue.message] for issue in find_issues(from_json(data))], b""


def generate_here(arguments: Arguments, data: bytes) -> tuple[dict[str, Any], bytes]:
    """Generate the description and the object code of a model's kernel."""
    wanted, processor = arguments["observables"], Processor(**arguments["processor"])
    observables = None if wanted is None else tuple(wanted)
    description, code = generate(from_json(data), observables, arguments["lanes"], processor)
    return json.loads(json.dumps(description)), code


def generate_derivative_here(arguments: Arguments, data: bytes) -> tuple[dict[str, Any], bytes]:
    """Generate the description and the object code of the tangent or the adjoint of a step."""
    return generate_derivative(from_json(data), arguments)
