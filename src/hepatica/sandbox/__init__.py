"""Running what may crash, hang or eat memory in a child process, so that a crash is an error message."""

from hepatica.sandbox.parent import Limits, Sandbox, run

__all__ = ["Limits", "Sandbox", "run"]
