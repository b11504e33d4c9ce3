"""What a loaded model holds, in parameters and in bytes. Imports torch."""

from torch import Tensor
from torch.nn import Module


def held_bytes(model: Module) -> int:
    """Of all parameters; of those in four bits, with their scales."""
    return sum(_bytes(parameter) + _scales(getattr(parameter, "quant_state", None)) for parameter in model.parameters())


def entries(parameter: Tensor) -> int:
    """Numbers in a parameter; bitsandbytes packs two of four bits into one."""
    state = getattr(parameter, "quant_state", None)
    return parameter.numel() if state is None else int(state.shape.numel())


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _scales(state: object) -> int:
    """Of bitsandbytes' QuantState; double quantisation nests a second one in it."""
    scales = getattr(state, "absmax", None)
    return 0 if scales is None else _bytes(scales) + _scales(getattr(state, "state2", None))
