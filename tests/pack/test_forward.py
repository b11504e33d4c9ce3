"""The flat stream and the padded path against transformers' own loss."""

from collections.abc import Callable

import pytest
import torch
from tiny_models import VOCABULARY, gpt2, llama, lora, random_rows, t5
from transformers import Gemma2Config, Gemma2ForCausalLM, GemmaConfig, GemmaForCausalLM, PreTrainedModel

from tunegrid.pack import flat_attention
from tunegrid.pack.batch import CellRows, Row
from tunegrid.pack.forward import EncoderDecoderForward, FlatForward, PaddedForward, choose_forward
from tunegrid.pack.pack import Member, Pack


def theirs(model: PreTrainedModel, rows: list[Row]) -> torch.Tensor:
    """transformers' loss of each row alone, without padding, times its number of labels."""
    losses = []
    for row in rows:
        ids = torch.cat([row.prompt, row.completion])[None]
        labels = ids.clone()
        labels[0, : len(row.prompt)] = -100
        losses.append(model(input_ids=ids, labels=labels).loss * len(row.completion))
    return torch.stack(losses)


@pytest.mark.parametrize("make", [llama, gpt2])
@pytest.mark.parametrize("path", [FlatForward, lambda model: PaddedForward(model, 0)])
def test_row_losses_equal_transformers_own(
    make: Callable[[], PreTrainedModel], path: Callable[[PreTrainedModel], FlatForward | PaddedForward]
) -> None:
    model, rows = make().eval(), random_rows(7)
    with torch.no_grad():
        wanted = theirs(model, rows)
    forward = path(model)
    if isinstance(forward, FlatForward):
        model.set_attn_implementation(flat_attention.NAME)
    batch = forward.collate([CellRows("one", rows[:3], None), CellRows("two", rows[3:], None)])
    total, nll = forward.losses(batch, torch.ones(len(batch.labels.ids)), 0.0)
    got = torch.zeros(7).index_add_(0, batch.labels.rows, nll)
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-4)
    assert batch.labels.counts == (sum(len(r.completion) for r in rows[:3]), sum(len(r.completion) for r in rows[3:]))
    assert float(total.detach()) == pytest.approx(float(wanted.sum()), rel=1e-5)


def test_gradients_of_the_flat_stream_equal_transformers_own() -> None:
    model, rows = llama().eval(), random_rows(5)
    theirs(model, rows).sum().backward()
    wanted = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    forward = choose_forward(model, 0)
    assert isinstance(forward, FlatForward)
    batch = forward.collate([CellRows("one", rows, None)])
    forward.losses(batch, torch.ones(len(batch.labels.ids)), 0.0)[0].backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, wanted[name], rtol=1e-4, atol=1e-4, msg=name)


def test_long_rows_take_the_fused_kernel_and_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    model, rows = llama().eval(), random_rows(4)
    forward = choose_forward(model, 0)
    batch = forward.collate([CellRows("one", rows, None)])
    weights = torch.ones(len(batch.labels.ids))
    with torch.no_grad():
        explicit = forward.losses(batch, weights, 0.0)[1]
        monkeypatch.setattr(flat_attention, "EXPLICIT_BELOW", 1)
        fused = forward.losses(batch, weights, 0.0)[1]
    torch.testing.assert_close(fused, explicit, rtol=1e-4, atol=1e-4)


def test_encoder_decoder_losses_equal_transformers_own() -> None:
    model, rows = t5().eval(), random_rows(5)
    forward = choose_forward(model, 0)
    assert isinstance(forward, EncoderDecoderForward)
    batch = forward.collate([CellRows("one", rows, None)])
    with torch.no_grad():
        nll = forward.losses(batch, torch.ones(len(batch.labels.ids)), 0.0)[1]
        wanted = [float(model(input_ids=r.prompt[None], labels=r.completion[None]).loss) for r in rows]
    got = [float(nll[batch.labels.rows == i].mean()) for i in range(5)]
    assert got == pytest.approx(wanted, rel=1e-4)


def test_a_model_that_scales_its_head_falls_back_to_its_own_forward() -> None:
    model = llama().eval()
    plain = model.forward
    model.forward = lambda *args, **kwargs: _halved(plain(*args, **kwargs))  # type: ignore[method-assign]
    before = model.config._attn_implementation
    assert isinstance(choose_forward(model, 0), PaddedForward)
    assert model.config._attn_implementation == before


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_plain_model_runs_flat_in_either_precision(dtype: torch.dtype) -> None:
    assert isinstance(choose_forward(llama().to(dtype).eval(), 0), FlatForward)


def test_a_soft_capped_attention_falls_back_to_the_models_own_forward() -> None:
    config = Gemma2Config(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16,
    )  # fmt: skip
    assert isinstance(choose_forward(Gemma2ForCausalLM(config).eval(), 0), PaddedForward)


def _halved(output: object) -> object:
    output.logits = output.logits / 2  # type: ignore[attr-defined]
    return output


def test_gemma_with_its_scaled_embedding_is_exact_on_the_flat_stream() -> None:
    torch.manual_seed(0)
    config = GemmaConfig(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16,
    )  # fmt: skip
    model, rows = GemmaForCausalLM(config).eval(), random_rows(3)
    with torch.no_grad():
        wanted = theirs(model, rows)
        forward = choose_forward(model, 0)
        batch = forward.collate([CellRows("one", rows, None)])
        nll = forward.losses(batch, torch.ones(len(batch.labels.ids)), 0.0)[1]
    got = torch.zeros(3).index_add_(0, batch.labels.rows, nll)
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-4)


def test_packed_rows_equal_peft_with_one_active_adapter() -> None:
    rows = random_rows(6)
    pack = Pack(llama(), [Member("one", lora(4), 0), Member("two", lora(8, alpha=4), 1)], 0)
    torch.manual_seed(7)
    for member in pack.members:
        for parameter in pack.trainable(member).values():
            torch.nn.init.normal_(parameter, std=0.1)
    batch = pack.forward.collate([CellRows("one", rows[:2], None), CellRows("two", rows[2:], None)])
    with torch.no_grad(), pack.router.over(*batch.shares):
        got = pack.forward.losses(batch, torch.ones(len(batch.labels.ids)), 0.0)[1]

    plain = Pack(llama(), [Member("one", lora(4), 0), Member("two", lora(8, alpha=4), 1)], 0)
    for member in plain.members:
        for name, parameter in plain.trainable(member).items():
            parameter.data.copy_(pack.trainable(member)[name])
    for module in plain.base.modules():
        module.__dict__.pop("forward", None)  # PEFT's own forward again
    plain.base.set_attn_implementation("sdpa")
    with torch.no_grad():
        plain.adapted.set_adapter("one")
        first = theirs(plain.base, rows[:2])
        plain.adapted.set_adapter("two")
        wanted = torch.cat([first, theirs(plain.base, rows[2:])])
    torch.testing.assert_close(torch.zeros(6).index_add_(0, batch.labels.rows, got), wanted, rtol=1e-5, atol=1e-4)
