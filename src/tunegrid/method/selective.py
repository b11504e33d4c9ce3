"""What methods share that train parameters of the model itself."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.method import Alone, Method, Weights

if TYPE_CHECKING:
    from torch.nn import Parameter
    from transformers import PreTrainedModel

    from tunegrid.adaptation import Adaptation


@dataclass(kw_only=True, slots=True)
class Selective(Method):
    """Trains parameters that the model has, and therefore alone."""

    weights: Weights

    @abstractmethod
    def select(self, model: "PreTrainedModel") -> "Mapping[str, Parameter]":
        """Those that are trained, by name. Raises `ConfigError` where the model has none of the kind."""

    def pack_family(self) -> str | Alone:
        return Alone("it trains the model's own weights")

    def base_weights(self) -> Weights:
        return self.weights

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.own_parameters import OwnParameters

        return OwnParameters(self.select)
