"""What a check finds."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One finding about a model.

    Parameters
    ----------
    severity
        ``error`` when numbers would be wrong or untraceable, ``warning`` otherwise.
    where
        ``file:line`` when known, else the id of the element.
    message
        One sentence: what was found and what to do.
    """

    severity: Literal["error", "warning"]
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message
