"""Three ways of running a model over a batch, and the probe that picks the fastest exact one. Imports torch."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tunegrid.loss.linear_cross_entropy import cross_entropy, linear_cross_entropy
from tunegrid.loss.token_distribution import Likelihood, likelihood, linear_likelihood
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

    @abstractmethod
    def states(self, batch: Batch) -> Tensor:
        """The hidden states (L, d) that predict the batch's labels: each has read all tokens before its label."""

    @abstractmethod
    def likelihood(self, batch: Batch, temperature: float, banned: int | None) -> Likelihood:
        """Of the batch's labels, drawn at `temperature` and without token `banned`; with its gradient."""


@dataclass(frozen=True, slots=True)
class FlatForward(Forward):
    """A flat stream without padding, and logits only where a label is."""

    model: PreTrainedModel
    name = "flat"

    def collate(self, cells: Sequence[CellRows]) -> Batch:
        return flat(cells, self.model.device)

    def losses(self, batch: Batch, weights: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        head, bias = self._head()
        return linear_cross_entropy(self.states(batch), head, bias, batch.labels.ids, weights, smoothing)

    def states(self, batch: Batch) -> Tensor:
        hidden = self.model.base_model(
            input_ids=batch.input_ids, position_ids=batch.position_ids, flat_rows=batch.flat_rows, use_cache=False
        ).last_hidden_state  # (1, N, d)
        return hidden[0].index_select(0, batch.labels.positions)

    def likelihood(self, batch: Batch, temperature: float, banned: int | None) -> Likelihood:
        head, bias = self._head()
        return linear_likelihood(self.states(batch), head, bias, batch.labels.ids, temperature, banned)

    def _head(self) -> tuple[Tensor, Tensor | None]:
        head = self.model.get_output_embeddings()
        return head.weight, getattr(head, "bias", None)


@dataclass(frozen=True, slots=True)
class PaddedForward(Forward):
    """Padded sequences through the model's own forward, for architectures that the flat stream does not fit."""

    model: PreTrainedModel
    pad: int
    name = "padded"

    def collate(self, cells: Sequence[CellRows]) -> Batch:
        return padded(cells, self.pad, self.model.device)

    def losses(self, batch: Batch, weights: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        return _losses_of(self._output(batch).logits, batch, weights, smoothing)

    def states(self, batch: Batch) -> Tensor:
        return _picked(self._output(batch, output_hidden_states=True).hidden_states[-1], batch)

    def likelihood(self, batch: Batch, temperature: float, banned: int | None) -> Likelihood:
        return likelihood(_picked(self._output(batch).logits, batch), batch.labels.ids, temperature, banned)

    def _output(self, batch: Batch, output_hidden_states: bool = False) -> Any:
        return self.model(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            use_cache=False,
            output_hidden_states=output_hidden_states,
        )


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
        return _losses_of(self._output(batch).logits, batch, weights, smoothing)

    def states(self, batch: Batch) -> Tensor:
        return _picked(self._output(batch, output_hidden_states=True).decoder_hidden_states[-1], batch)

    def likelihood(self, batch: Batch, temperature: float, banned: int | None) -> Likelihood:
        return likelihood(_picked(self._output(batch).logits, batch), batch.labels.ids, temperature, banned)

    def _output(self, batch: Batch, output_hidden_states: bool = False) -> Any:
        return self.model(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            decoder_input_ids=batch.decoder_ids,
            use_cache=False,
            output_hidden_states=output_hidden_states,
        )


def _losses_of(logits: Tensor, batch: Batch, weights: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    losses = cross_entropy(_picked(logits, batch).float(), batch.labels.ids, smoothing)
    return weights @ losses.smoothed, losses.nll.detach()


def _picked(of_positions: Tensor, batch: Batch) -> Tensor:
    """(B, T, f) features of a padded batch to the (L, f) where its labels are predicted."""
    return of_positions.reshape(-1, of_positions.shape[-1]).index_select(0, batch.labels.positions)


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
