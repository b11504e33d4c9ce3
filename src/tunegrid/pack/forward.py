"""Three ways of running a model over a batch, and the probe that picks the fastest exact one. Imports torch."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tunegrid.loss.linear_cross_entropy import cross_entropy, linear_cross_entropy
from tunegrid.pack import flat_attention
from tunegrid.pack.batch import Batch, CellRows, Row, encoder_decoder, flat, padded

TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.2}
"""Largest median difference of a probed row's losses from the plain path's, in nats; an error makes whole nats.

The median, because bfloat16's rounding alone moves single labels of random tokens by 2 nats (SmolLM2-135M)."""


class Forward(ABC):
    """How rows become a batch, and a batch becomes losses."""

    name: str
    joint = False
    """Whether a pass takes all ranks at once, so that each has to run as many as the others."""

    @abstractmethod
    def collate(self, cells: Sequence[CellRows]) -> Batch:
        """Lay the cells' rows out as one batch."""

    @abstractmethod
    def losses(self, batch: Batch, weights: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        """Σ weights · loss over the batch's labels, with its gradient, and the plain nll of each label (L,)."""


@dataclass(frozen=True, slots=True)
class FlatForward(Forward):
    """A flat stream without padding, and logits only where a label is."""

    model: PreTrainedModel
    name = "flat"

    def collate(self, cells: Sequence[CellRows]) -> Batch:
        return flat(cells, self.model.device)

    def losses(self, batch: Batch, weights: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        hidden = self.model.base_model(
            input_ids=batch.input_ids, position_ids=batch.position_ids, flat_rows=batch.flat_rows, use_cache=False
        ).last_hidden_state  # (1, N, d)
        head = self.model.get_output_embeddings()
        picked = hidden[0].index_select(0, batch.labels.positions)  # (L, d)
        bias = getattr(head, "bias", None)
        return linear_cross_entropy(picked, head.weight, bias, batch.labels.ids, weights, smoothing)


@dataclass(frozen=True, slots=True)
class PaddedForward(Forward):
    """Padded sequences through the model's own forward, for architectures that the flat stream does not fit."""

    model: PreTrainedModel
    pad: int
    name = "padded"

    def collate(self, cells: Sequence[CellRows]) -> Batch:
        return padded(cells, self.pad, self.model.device)

    def losses(self, batch: Batch, weights: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        logits = self.model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False).logits
        return _losses_of(logits, batch, weights, smoothing)


@dataclass(frozen=True, slots=True)
class EncoderDecoderForward(Forward):
    """Padded prompts to the encoder and padded completions to the decoder."""

    model: PreTrainedModel
    pad: int
    start: int
    name = "encoder-decoder"

    def collate(self, cells: Sequence[CellRows]) -> Batch:
        return encoder_decoder(cells, self.pad, self.start, self.model.device)

    def losses(self, batch: Batch, weights: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        logits = self.model(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            decoder_input_ids=batch.decoder_ids,
            use_cache=False,
        ).logits
        return _losses_of(logits, batch, weights, smoothing)


def _losses_of(logits: Tensor, batch: Batch, weights: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    picked = logits.reshape(-1, logits.shape[-1]).index_select(0, batch.labels.positions).float()
    losses = cross_entropy(picked, batch.labels.ids, smoothing)
    return weights @ losses.smoothed, losses.nll.detach()


def choose_forward(model: PreTrainedModel, pad: int) -> Forward:
    """The flat stream where it gives this model's own numbers, else the padded path.

    Tried on three short rows rather than read off a list of architectures: a soft-capped head, a scaled embedding, a
    recurrent layer or an attention that ignores AttentionInterface shows as a difference. The model is left in the
    attention that was chosen.
    """
    if model.config.is_encoder_decoder:
        return EncoderDecoderForward(model, pad, model.config.decoder_start_token_id)
    plain = PaddedForward(model, pad)
    implementation = model.config._attn_implementation
    try:
        with torch.no_grad():
            model.set_attn_implementation("eager")  # softmax in float32, as the flat stream has it
            expected = _probe(plain)
            model.set_attn_implementation(flat_attention.NAME)
            difference = (_probe(FlatForward(model)) - expected).abs().median(-1).values.max()
    except (ValueError, TypeError, AttributeError, RuntimeError):
        exact = False
    else:
        exact = bool(difference <= TOLERANCE.get(model.dtype, 0.2))
    if exact:
        return FlatForward(model)
    model.set_attn_implementation(implementation)
    return plain


def _probe(forward: PaddedForward | FlatForward) -> Tensor:
    """(3, 8) nll of the completions of three rows with prompts of different lengths."""
    ids = torch.randint(forward.model.config.vocab_size, (3, 20), generator=torch.Generator().manual_seed(0))
    rows = [Row(row[12 - length : 12], row[12:]) for row, length in zip(ids, (3, 12, 7), strict=True)]
    batch = forward.collate([CellRows("probe", rows, None)])
    return forward.losses(batch, torch.zeros(24, device=forward.model.device), 0.0)[1].view(3, 8)
