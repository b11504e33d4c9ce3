"""Four-bit bases against the code book computed from the normal distribution, and their size against the estimate."""

from collections.abc import Callable
from statistics import NormalDist

import pytest
import torch
from tiny_models import gpt2, llama, lora, t5
from torch import Tensor
from transformers import PreTrainedModel

from tunegrid.model.count import module_shapes
from tunegrid.model.held import held_bytes
from tunegrid.model.quantisation import BLOCK, Code, Quantisation
from tunegrid.model.quantise import quantise, rounded
from tunegrid.model.split_attention import split
from tunegrid.pack.pack import Member, Pack

CPU = torch.device("cpu")
DOUBLE, SINGLE = Quantisation(Code.nf4, True, False), Quantisation(Code.nf4, False, False)
IDS = torch.tensor([[5, 9, 17, 3, 88, 120]])


def normal_float() -> Tensor:
    """The 16 values of nf4: quantiles of a normal distribution, 8 above zero and 7 below (QLoRA, appendix E)."""
    offset, quantile = (1 - 1 / 30 + 1 - 1 / 32) / 2, NormalDist().inv_cdf

    def side(count: int) -> list[float]:
        return [quantile(offset + (0.5 - offset) * i / count) for i in range(count)]

    values = torch.tensor([*side(8), 0.0, *(-value for value in side(7))])
    return (values / values.abs().max()).sort().values


def nearest(weight: Tensor) -> Tensor:
    """Each block's weights as the nearest value of the code book times the block's largest."""
    blocks = weight.reshape(-1, BLOCK)
    scale = blocks.abs().amax(1, keepdim=True)
    places = (blocks[..., None] / scale[..., None] - normal_float()).abs().argmin(-1)
    return (normal_float()[places] * scale).view_as(weight)


def test_a_round_trip_gives_the_nearest_values_of_the_code_book() -> None:
    weight = llama().model.layers[0].mlp.up_proj.weight.detach()
    got = rounded(llama(), SINGLE).model.layers[0].mlp.up_proj.weight.detach()
    torch.testing.assert_close(got, nearest(weight), rtol=1e-4, atol=1e-5)
    again = rounded(llama(), DOUBLE).model.layers[0].mlp.up_proj.weight.detach()
    assert 0 < (again - got).abs().max() < 0.02 * weight.abs().max()


@pytest.mark.parametrize("make", [llama, gpt2, t5])
@pytest.mark.parametrize("how", [DOUBLE, SINGLE, Quantisation(Code.fp4, True, False)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_size_and_outputs(make: Callable[[], PreTrainedModel], how: Quantisation, dtype: torch.dtype) -> None:
    model = split(make()).to(dtype).eval()
    expected = how.bytes(module_shapes(model), dtype.itemsize)
    more = {"decoder_input_ids": IDS} if model.config.is_encoder_decoder else {}
    with torch.no_grad():
        wanted = rounded(split(make()).to(dtype).eval(), how)(input_ids=IDS, **more).logits
        got = quantise(model, how, CPU)(input_ids=IDS, **more).logits
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)
    assert held(model) == pytest.approx(expected, rel=0.05)


def held(model: PreTrainedModel) -> int:
    """Bytes of all parameters, with the scales of those in four bits."""
    total = 0
    for parameter in model.parameters():
        state = getattr(parameter, "quant_state", None)
        scales = [] if state is None else [state.absmax, *([state.state2.absmax] if state.nested else [])]
        total += sum(tensor.numel() * tensor.element_size() for tensor in (parameter, *scales))
    return total


def test_four_bits_change_no_count_of_parameters() -> None:
    members = [Member("one", lora(4), 0)]
    whole, packed = Pack(llama(), members, 0), Pack(quantise(llama(), DOUBLE, CPU), members, 0)
    assert packed.total_parameters(members[0]) == whole.total_parameters(members[0])
    assert held_bytes(packed.base) < held_bytes(whole.base) / 2


def test_double_quantisation_saves_a_third_of_a_bit() -> None:
    """Dettmers et al. 2023, section 3: 0.37 bits per parameter."""
    single, double = (held(quantise(llama(), how, CPU)) for how in (SINGLE, DOUBLE))
    weights = sum(shape.rows * shape.columns for shape in module_shapes(llama()) if shape.kind.value == "linear")
    assert 8 * (single - double) / weights == pytest.approx(0.37, abs=0.02)
    assert SINGLE.bits_per_weight() - DOUBLE.bits_per_weight() == pytest.approx(0.373, abs=1e-3)
