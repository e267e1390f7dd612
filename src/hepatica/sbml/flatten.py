"""Hierarchical models (SBML package 'comp') into one flat model.

libSBML does the flattening; elements of a submodel get its id and two underscores before their own (``liver__k1``).
External model definitions are files that the document names. libSBML would open whatever is named, wherever it lies; so
they are looked up here first, inside the folder of the given file only, pass the guard like every file, and are copied
to an empty folder, which is all that libSBML gets to see.

Reference: Smith LP et al. SBML Level 3 package: hierarchical model composition, version 1 release 3. J Integr Bioinform
2015;12:268.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import libsbml

from hepatica.errors import FormatError, HostileFileError, ModelError, UnsupportedError
from hepatica.sbml.guard import MAX_BYTES, MAX_ELEMENTS, guard_xml, read_text
from hepatica.sbml.packages import errors_of, parse_sbml, reason_of, refuse_required

MAX_FILES = 100
MAX_SUBMODELS = 10_000
MAX_DEPTH = 32
_TOP = PurePosixPath("model.xml")
_OPTIONS: Mapping[str, bool | str] = {
    "flatten comp": True, "leavePorts": False, "listModelDefinitions": False, "performValidation": True,
    "abortIfUnflattenable": "requiredOnly",
}  # fmt: skip
Node = tuple[PurePosixPath, str]


def flatten_hierarchy(text: str, name: str, folder: Path | None = None) -> str:
    """Give SBML text without submodels.

    Parameters
    ----------
    text
        SBML that the guard has let through.
    name
        What to call it in messages.
    folder
        Where files that the model names may lie; ``None`` when the model came as text.

    Returns
    -------
    str
        The same text when it has no submodels, else the flattened model.

    Raises
    ------
    UnsupportedError
        A required package other than comp; a model given as text that needs files.
    HostileFileError
        Files outside the folder; more than 100 files, 10,000 submodels, a million elements or 32 levels.
    ModelError
        Models that contain each other.
    FormatError, NotFoundError, StorageError
        What cannot be read or flattened.
    """
    if "comp" not in refuse_required(text, name):
        return text
    hierarchy = _Hierarchy(folder)
    document = hierarchy.add(text, name, PurePosixPath(name) if folder else _TOP, ())
    if not _submodels(document.getModel()):
        return text
    hierarchy.require_small()
    with TemporaryDirectory(prefix="hepatica-") as empty:
        for path, file in list(hierarchy.files.items())[1:]:
            target = Path(empty, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(file.text, encoding="utf-8")
        document.setLocationURI(f"file:{Path(empty, _TOP).as_posix()}")
        return _convert(document, name)


def _convert(document: Any, name: str) -> str:
    properties = libsbml.ConversionProperties()
    for key, value in _OPTIONS.items():
        properties.addOption(key, value)
    status = document.convert(properties)
    errors = errors_of(document)
    if errors:
        reason = reason_of(errors[-1])
        raise FormatError(f"{name}:{errors[-1].getLine()}: the submodels cannot be put together: {reason}.")
    if status != libsbml.LIBSBML_OPERATION_SUCCESS:
        raise FormatError(
            f"{name}: the submodels cannot be put together: {libsbml.OperationReturnValue_toString(status)}."
        )
    flat = str(libsbml.writeSBMLToString(document))
    guard_xml(flat, f"{name} (flattened)")
    return flat


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """One document of a hierarchy: its text, and the models in it by id."""

    text: str
    name: str
    document: Any  # libSBML frees the models with it
    models: dict[str, Any]
    external: dict[str, Node]


@dataclass(slots=True)
class _Hierarchy:
    """The documents that a model is made of; paths are relative to the folder of the first."""

    folder: Path | None
    files: dict[PurePosixPath, _File] = field(default_factory=dict)
    size: int = 0

    @property
    def top(self) -> PurePosixPath:
        return next(iter(self.files))

    def add(self, text: str, name: str, path: PurePosixPath, above: tuple[PurePosixPath, ...]) -> Any:
        """Read a document and those that it names; give the document."""
        self.size += len(text)
        if len(self.files) >= MAX_FILES or self.size > MAX_BYTES:
            raise HostileFileError(
                f"{name}: refused because the model is spread over more than {MAX_FILES} files or "
                f"{MAX_BYTES // 1_000_000} MB."
            )
        document = parse_sbml(text, lambda line: f"{name}:{line}" if line else name)
        if document.getModel() is None:
            raise FormatError(f"{name}: no SBML model; expected an 'sbml' element with a 'model'.")
        plugin = document.getPlugin("comp")
        models = {"": document.getModel(), document.getModel().getId(): document.getModel()}
        external: dict[str, Node] = {}
        file = _File(text=text, name=name, document=document, models=models, external=external)
        self.files[path] = file
        if plugin is not None:
            models |= {m.getId(): m for m in plugin.getListOfModelDefinitions()}
            for definition in plugin.getListOfExternalModelDefinitions():
                where = f"{name}:{definition.getLine()}: external model '{definition.getId()}'"
                source = self._open(definition.getSource(), where, (*above, path))
                external[definition.getId()] = (source, definition.getModelRef())
        return document

    def _open(self, source: str, where: str, above: tuple[PurePosixPath, ...]) -> PurePosixPath:
        """Read the document that another one names; give its path."""
        if self.folder is None:
            raise UnsupportedError(
                f"{where} is in the file '{source}', which a model given as text cannot name; give the model as a file."
            )
        relative = PurePosixPath(source)
        if not source or relative.is_absolute() or ".." in relative.parts or set(source) & set("\\:%?#"):
            raise HostileFileError(f"{where}: refused because '{source}' is not a file in the folder of the model.")
        path = above[-1].parent / relative
        if path in above:
            raise ModelError(f"{where}: the files {' -> '.join(map(str, (*above, path)))} name each other in a circle.")
        if path in self.files:
            return path
        file = self.folder / path
        if not file.resolve().is_relative_to(self.folder.resolve()):
            raise HostileFileError(f"{where}: refused because '{source}' is not a file in the folder of the model.")
        text = read_text(file)
        guard_xml(text, str(path))
        refuse_required(text, str(path))
        self.add(text, str(path), path, above)
        return path

    def require_small(self) -> None:
        """Raise when the flattened model would be too large, without making it."""
        known: dict[Node, tuple[int, int]] = {}
        submodels, elements = self._count((self.top, ""), known, ())
        if submodels > MAX_SUBMODELS or elements > MAX_ELEMENTS:
            raise HostileFileError(
                f"{self.files[self.top].name}: refused because it has {submodels} submodels and {elements} elements; "
                f"at most {MAX_SUBMODELS} and {MAX_ELEMENTS} are read."
            )

    def _count(self, node: Node, known: dict[Node, tuple[int, int]], above: tuple[Node, ...]) -> tuple[int, int]:
        """Give the submodels and elements under a model."""
        path, key = node
        file = self.files[path]
        if key in file.external and key not in file.models:
            return self._count(file.external[key], known, (*above, node))
        model = file.models.get(key)
        if model is None:
            return 0, 0  # libSBML says so, with the place
        node = (path, model.getId())
        if node in known:
            return known[node]
        if node in above:
            names = [n for _, n in (*above[above.index(node) :], node)]
            raise ModelError(
                f"{file.name}:{model.getLine()}: the models {' -> '.join(names)} contain each other in a circle; break it."
            )
        if len(above) >= MAX_DEPTH:
            raise HostileFileError(f"{file.name}: refused because submodels are nested more than {MAX_DEPTH} deep.")
        parts = [self._count((path, s.getModelRef()), known, (*above, node)) for s in _submodels(model)]
        elements = model.getListOfAllElements().getSize()
        known[node] = (sum(1 + n for n, _ in parts), elements + sum(n for _, n in parts))
        return known[node]


def _submodels(model: Any) -> list[Any]:
    plugin = model.getPlugin("comp")
    return list(plugin.getListOfSubmodels()) if plugin is not None else []
