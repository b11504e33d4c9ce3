"""Prefix tuning: learned keys and values in front of the input at every layer (Li & Liang 2021, arXiv 2101.00190)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import require, schema
from tunegrid.errors import ConfigError
from tunegrid.method.virtual_tokens import VirtualTokens
from tunegrid.model import Model
from tunegrid.model.footprint import Footprint, linear
from tunegrid.model.layer_names import ROLES
from tunegrid.model.shapes import Shape

if TYPE_CHECKING:
    from tunegrid.adaptation import Adaptation


@schema("method", "prefix")
@dataclass(kw_only=True, slots=True)
class Prefix(VirtualTokens):
    """Trains n · 2 · layers · width numbers, the keys and values of the virtual tokens, or an MLP that gives them."""

    mlp: bool
    """Whether an MLP gives them in training, which the paper finds more stable; it is not needed afterwards."""
    hidden: int | None
    """Width inside the MLP; null: that of a layer's keys, or no MLP."""

    def __post_init__(self) -> None:
        VirtualTokens.__post_init__(self)
        require(self.hidden is None or self.hidden >= 1, "method.hidden", "be at least 1 or null", self.hidden)
        require(self.mlp or self.hidden is None, "method.hidden", "be null with method.mlp=false", self.hidden)

    def check(self, model: Model) -> None:
        VirtualTokens.check(self, model)
        if model.is_encoder_decoder:
            raise no_place(model.config_values().get("model_type"))

    def footprint(self, modules: Sequence[Shape]) -> Footprint:
        keys = [module for module in modules if module.last_name in ROLES["key"]]
        n, width = self.tokens, keys[0].rows
        states = 2 * len(keys) * width
        hidden = self.hidden or width
        mlp = n * width + linear(width, hidden) + linear(hidden, states)
        return Footprint(trained=mlp if self.mlp else n * states, whole=n * states, virtual_tokens=n)

    def adaptation(self) -> "Adaptation":
        from tunegrid.adaptation.prefix import Prefixes

        return Prefixes(self.tokens, self.mlp, self.hidden)


def no_place(architecture: object) -> ConfigError:
    """Why an encoder-decoder has no place for a prefix."""
    return ConfigError(
        f"method=prefix learns keys and values of a decoder's past, and in this encoder-decoder ({architecture}) "
        "attention's relative positions have no place for one; the nearest alternative is method=prompt_tuning"
    )
