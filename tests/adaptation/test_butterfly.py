"""BOFT's rotations against their definition, and the stand-in for PEFT's extension against torch."""

from dataclasses import replace

import pytest
import torch
from peft.tuners.boft.layer import FastBlockDiag
from shipped import method_of
from tiny_models import llama
from torch import Tensor

from tunegrid.adaptation.butterfly import compute_in_torch
from tunegrid.pack.pack import Member, Pack
from tunegrid.pack.route import Share

LAYER = "model.layers.0.self_attn.q_proj"
WIDTH = 64


def moved(factors: int, block_size: int) -> Pack:
    """A pack of one BOFT whose parameters are not where they start."""
    method = replace(method_of("boft"), factors=factors, block_size=block_size)
    pack = Pack(llama(), [Member("cell", method, 0)], 0)
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in pack.trainable(pack.members[0]).values():
            parameter.add_(torch.randn(parameter.shape), alpha=0.2)
    return pack


def own(pack: Pack) -> tuple[Tensor, Tensor]:
    """R (m, blocks, b, b) and s (o, 1) of a layer."""
    found = {name: p.detach() for name, p in pack.trainable(pack.members[0]).items() if LAYER in name}
    return tuple(next(p for name, p in found.items() if part in name) for part in ("boft_R", "boft_s"))


def rotation(pack: Pack) -> Tensor:
    """(in, in): what the layer does to its input before a weight of one, the scale apart."""
    layer = pack.base.get_submodule(LAYER)
    with torch.no_grad(), pack.router.over(Share("cell", WIDTH)):
        layer.base_layer.weight.copy_(torch.eye(WIDTH))
        return layer(torch.eye(WIDTH)) / own(pack)[1][:, 0]


def cayley(block: Tensor) -> Tensor:
    skew = (block - block.T) / 2
    identity = torch.eye(len(block))
    return (identity - skew) @ torch.linalg.inv(identity + skew)


def test_one_factor_is_a_block_diagonal_of_cayley_transforms() -> None:
    pack = moved(1, 8)
    blocks, _ = own(pack)
    torch.testing.assert_close(rotation(pack), torch.block_diag(*map(cayley, blocks[0])), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("factors", "block_size"), [(1, 8), (2, 8), (3, 4), (4, 8)])
def test_every_factor_doubles_what_an_output_depends_on(factors: int, block_size: int) -> None:
    """Liu et al. 2023, section 4: a product of m butterflies reaches b 2^(m-1) inputs, and is orthogonal."""
    turned = rotation(moved(factors, block_size))
    torch.testing.assert_close(turned @ turned.T, torch.eye(WIDTH), rtol=0, atol=1e-4)
    reached = (turned.abs() > 1e-6).sum(0)
    assert reached.max() == block_size * 2 ** (factors - 1)


def test_blocks_on_a_diagonal_have_the_gradient_of_torchs_own() -> None:
    compute_in_torch()
    blocks = torch.randn(2, 3, 4, 4, requires_grad=True)
    weights = torch.randn(2, 12, 12)
    made = FastBlockDiag.apply(blocks)
    (gradient,) = torch.autograd.grad((made * weights).sum(), blocks)
    plain = torch.stack([torch.block_diag(*factor) for factor in blocks])
    assert torch.equal(made, plain)
    assert torch.equal(gradient, torch.autograd.grad((plain * weights).sum(), blocks)[0])
