"""`forgetting=none`: nothing is asked."""

from dataclasses import dataclass

from tunegrid.config import schema
from tunegrid.forgetting import Forgetting, Material


@schema("forgetting", "none")
@dataclass(kw_only=True, slots=True)
class NoForgetting(Forgetting):
    """Asks nothing, and takes no time."""

    def material(self) -> Material:
        return Material()
