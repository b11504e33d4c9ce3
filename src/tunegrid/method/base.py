"""The model as it is: the row that every adapted model is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import schema
from tunegrid.method import Method
from tunegrid.model.footprint import Footprint
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from tunegrid.adaptation import Adaptation


@schema("method", "base")
@dataclass(kw_only=True, slots=True)
class Base(Method):
    """Trains nothing. In a pack its rows pass through the frozen base alone."""

    def pack_family(self) -> str:
        return "lora"

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        return Footprint(trained=0)

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.nothing import Nothing

        return Nothing()
