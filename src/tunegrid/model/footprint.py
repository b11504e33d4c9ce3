"""What a way to adapt a model adds to it in training: how many numbers, of what kind. No torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tunegrid.model.shapes import Shape

Size = Callable[[int, int], int]
"""A count from a layer's inputs and outputs."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What one layer keeps for each of the cell's own tokens until the backward pass."""

    layer: Shape
    numbers: int
    """Beside the layer's input."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Counts of numbers; how many bytes each takes depends on the precision."""

    trained: int
    """Parameters, with gradients and AdamW's means in float32."""
    frozen: int = 0
    """Its own numbers that stay as they are, in float32; cells of one family share them."""
    kept: tuple[Kept, ...] = ()
    inputs: bool = False
    """Whether the layers of `kept` keep their inputs too."""
    in_float32: bool = False
    """Whether its layers compute in float32 whatever the base does, as PEFT's do, on copies of their inputs."""
    whole: int = 0
    """What a pass keeps that does not grow with tokens, in float32, such as changed weights."""
    virtual_tokens: int = 0
    """In front of each row."""
    of_base: bool = False
    """Whether what it trains are the base's own weights."""
    matrices: bool = False
    """Whether matrices inside the base's layers are among them, so that these keep their inputs."""
    head: bool = False
    """Whether the projection to the vocabulary is."""
    depth: int | None = None
    """So many of the last layers keep anything, because nothing before them is trained; None: all."""


def zero(inputs: int, outputs: int) -> int:
    """Nothing, whatever the layer."""
    return 0


def in_layers(
    layers: Sequence[Shape],
    trained: Size,
    kept: Size,
    inputs: bool = False,
    whole: Size = zero,
    frozen: int = 0,
) -> Footprint:
    """Of one of PEFT's tuners that computes in float32 in each of `layers`."""
    return Footprint(
        trained=total(layers, trained),
        frozen=frozen,
        kept=tuple(Kept(layer, kept(layer.columns, layer.rows)) for layer in layers),
        inputs=inputs,
        in_float32=True,
        whole=total(layers, whole),
    )


def total(layers: Sequence[Shape], size: Size) -> int:
    """The sum over layers."""
    return sum(size(layer.columns, layer.rows) for layer in layers)


def linear(inputs: int, outputs: int) -> int:
    """Parameters of a linear layer with a bias."""
    return inputs * outputs + outputs


def of_base(modules: Sequence[Shape], matrices: bool, head: bool, depth: int | None = None) -> Footprint:
    """Of training these modules of the base itself."""
    count = sum(module.parameters for module in modules)
    return Footprint(trained=count, of_base=True, matrices=matrices, head=head, depth=depth)
