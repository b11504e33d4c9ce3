"""What becomes trainable. An option holds a method's settings; how they are put to work is in `adaptation/`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from tunegrid.model import Model
from tunegrid.model.footprint import Footprint
from tunegrid.model.quantisation import Quantisation
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from tunegrid.adaptation import Adaptation


class Weights(Enum):
    """How weights of the model itself are held while they are trained; the optimiser always steps float32."""

    float32 = "float32"
    hardware = "hardware"
    """In the hardware's precision, beside float32 master weights."""


@dataclass(frozen=True, slots=True)
class Alone:
    """Instead of a family: cells of this method need a model of their own."""

    because: str


@dataclass(kw_only=True, slots=True)
class Method(ABC):
    """A way of adapting a model."""

    kind: str
    """The method's name in tables."""

    @abstractmethod
    def pack_family(self) -> str | Alone:
        """Cells whose methods share a family can share one frozen base."""

    @abstractmethod
    def adaptation(self) -> "Adaptation":
        """What puts the method into a model. Imports torch."""

    @abstractmethod
    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        """What it adds in training to a model of these modules, the input embedding first. No torch."""

    def base_weights(self) -> Weights:
        """How the base is held: in the hardware's precision, unless its own weights are trained in float32."""
        return Weights.hardware

    def quantisation(self) -> Quantisation | None:
        """How a frozen base's linear layers are held, if not in the base's precision."""
        return None

    def check(self, model: Model) -> None:  # noqa: B027 - most fit any model
        """Raise `ConfigError` where this model has no place for the method, as far as its config says. No torch."""
