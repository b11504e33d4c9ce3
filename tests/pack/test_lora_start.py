"""LoftQ's start against numpy's singular values of what rounding has taken."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_models import gpt2, llama, lora, t5
from tiny_training import members, sft, train
from torch import Tensor
from transformers import PreTrainedModel

from tunegrid.method.lora import Initialisation, Lora
from tunegrid.model.quantisation import Code, Quantisation
from tunegrid.model.quantise import quantise, rounded
from tunegrid.model.split_attention import split
from tunegrid.pack.pack import Member, Pack

CPU = torch.device("cpu")


def loftq(rank: int, alpha: float = 6) -> Lora:
    return replace(lora(rank, alpha, targets=("all-linear",)), code=Code.nf4, initialisation=Initialisation.loftq)


def how(method: Lora) -> Quantisation:
    quantisation = method.quantisation()
    assert quantisation is not None
    return quantisation


def packed(make: Callable[[], PreTrainedModel], *methods: Lora) -> Pack:
    of = [Member(f"cell{place}", method, place) for place, method in enumerate(methods)]
    return Pack(quantise(split(make()), how(methods[0]), CPU), of, 0)


def product(pack: Pack, member: int, layer: str) -> Tensor:
    """s B A."""
    cell = pack.members[member]
    own = {name: p.detach() for name, p in pack.trainable(cell).items() if f".{layer}.lora_" in f".{name}"}
    a, b = (next(p for name, p in own.items() if side in name) for side in ("lora_A", "lora_B"))
    assert isinstance(cell.method, Lora)
    return cell.method.scaling() * b @ a


@pytest.mark.parametrize(
    ("make", "layer"),
    [
        (llama, "model.layers.1.mlp.down_proj"),
        (gpt2, "transformer.h.0.attn.c_attn.v_proj"),
        (t5, "decoder.block.1.layer.1.EncDecAttention.k"),
    ],
)
def test_it_starts_at_the_nearest_product_to_what_rounding_took(
    make: Callable[[], PreTrainedModel], layer: str
) -> None:
    pack = packed(make, loftq(2), loftq(6))
    whole = split(make()).get_submodule(layer).weight.detach()
    taken = whole - rounded(split(make()), how(loftq(2))).get_submodule(layer).weight.detach()
    left, values, right = np.linalg.svd(taken.double().numpy(), full_matrices=False)
    for place, rank in enumerate((2, 6)):
        started = product(pack, place, layer)
        nearest = left[:, :rank] * values[:rank] @ right[:rank]
        torch.testing.assert_close(started.double(), torch.from_numpy(nearest), rtol=1e-3, atol=1e-5)
        remaining = float((taken - started).norm())
        assert remaining == pytest.approx(float(np.linalg.norm(values[rank:])), rel=1e-3)
        assert remaining < float(taken.norm())


def test_the_weights_that_were_rounded_are_kept_only_until_the_cells_are_attached() -> None:
    base = quantise(llama(), how(loftq(2)), CPU)
    assert any(hasattr(layer, "unrounded") for layer in base.modules())
    Pack(base, members(loftq(2)), 0)
    assert not any(hasattr(layer, "unrounded") for layer in base.modules())
    plain = quantise(llama(), how(replace(loftq(2), initialisation=Initialisation.kaiming)), CPU)
    assert not any(hasattr(layer, "unrounded") for layer in plain.modules())


def test_its_cells_share_a_base_with_their_like_only() -> None:
    other = replace(loftq(2), initialisation=Initialisation.kaiming)
    assert loftq(2).pack_family() == loftq(8).pack_family() != other.pack_family()


def test_in_a_pack_it_is_the_cell_alone(tmp_path) -> None:
    of, objectives = members(loftq(2), loftq(4)), [sft(steps=3)] * 2
    together = train(of, objectives, tmp_path / "together", base=quantise(llama(), how(loftq(2)), CPU))
    for place in range(2):
        base = quantise(llama(), how(loftq(2)), CPU)
        alone = train([of[place]], [objectives[place]], tmp_path / f"{place}", base=base)
        assert together.journals[place].column("loss") == pytest.approx(alone.journals[0].column("loss"), abs=1e-5)
