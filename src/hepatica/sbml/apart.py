"""Reading foreign files in a child process.

The readers are recursive, and libSBML and libAntimony are C++ that crashes on some inputs; in a child neither can end
the session. The child reads the text (:mod:`hepatica.isolated`), the parent gets the model.
"""

from pathlib import Path
from typing import Literal

from hepatica.model.codec import from_json
from hepatica.model.network import Model
from hepatica.sandbox import run


def read_apart(
    kind: Literal["read_sbml", "read_antimony"], text: str, name: str, *, folder: Path | None = None
) -> Model:
    """Read a text in the child process.

    Parameters
    ----------
    kind
        Which reader.
    text, name
        The text, and what to call it in error messages.
    folder
        Where files that the text names may lie; ``None`` when it came from no file.

    Returns
    -------
    Model
        Marked as ``foreign``, so that it is checked and compiled in the child as well.

    Raises
    ------
    HepaticaError
        What the reader raises; :class:`~hepatica.errors.HostileFileError` when it crashes or exceeds a limit.
    """
    data = text.encode("utf-8", errors="surrogatepass")
    arguments = {"name": name, "folder": None if folder is None else str(folder.resolve())}
    return from_json(run(kind, arguments, data, subject=name, doing="reading")[1])
