"""A batch of rows of several cells, laid out for one of three ways of running a model. Imports torch."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tunegrid.pack.flat_attention import FlatRows
from tunegrid.pack.route import Share


@dataclass(frozen=True, slots=True)
class Row:
    """A prompt and its completion, as token ids."""

    prompt: Tensor
    """(p,) int64."""
    completion: Tensor
    """(c,) int64; the only tokens with a loss."""
    task: int = 0
    """Which part of a mixture it is from: its place in `PreparedData.tasks`."""


@dataclass(frozen=True, slots=True)
class CellRows:
    """The rows one cell brings to a batch."""

    name: str
    rows: Sequence[Row]
    generator: torch.Generator | None


@dataclass(frozen=True, slots=True)
class Labels:
    """Where the losses of a batch are, cell after cell, row after row: L labels in R rows."""

    positions: Tensor
    """(L,) index of the hidden state that predicts each label, in the batch flattened to (tokens, d)."""
    ids: Tensor
    """(L,) the tokens to predict."""
    rows: Tensor
    """(L,) the row each label belongs to."""
    counts: tuple[int, ...]
    """Labels of each cell."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one or more cells."""

    input_ids: Tensor
    """(1, N) flat, or (B, T) padded."""
    position_ids: Tensor | None
    """(1, N), restarting at each row; None when padded."""
    flat_rows: FlatRows | None
    """The rows of a flat stream; None when padded."""
    attention_mask: Tensor | None
    """(B, T) when padded; None in a flat stream."""
    decoder_ids: Tensor | None
    """(B, U) the shifted targets of an encoder-decoder."""
    labels: Labels
    shares: tuple[Share, ...]
    tokens: int
    """Tokens that are not padding."""


def flat(cells: Sequence[CellRows], device: torch.device) -> Batch:
    """All rows end to end in one stream, without padding."""
    rows = [row for cell in cells for row in cell.rows]
    lengths = [len(r.prompt) + len(r.completion) - 1 for r in rows]  # the last token predicts nothing
    stream = torch.cat([torch.cat([r.prompt, r.completion])[:-1] for r in rows])
    starts = torch.tensor([0, *lengths]).cumsum(0)
    return Batch(
        input_ids=stream[None].to(device),
        position_ids=torch.cat([torch.arange(n) for n in lengths])[None].to(device),
        flat_rows=FlatRows.of(lengths, device),
        attention_mask=None,
        decoder_ids=None,
        labels=_labels(cells, [int(s) + len(r.prompt) - 1 for s, r in zip(starts, rows, strict=False)], device),
        shares=tuple(
            Share(c.name, sum(len(r.prompt) + len(r.completion) - 1 for r in c.rows), c.generator) for c in cells
        ),
        tokens=sum(lengths),
    )


def padded(cells: Sequence[CellRows], pad: int, device: torch.device) -> Batch:
    """One sequence per row, padded on the right, for decoders that do not go through AttentionInterface."""
    rows = [row for cell in cells for row in cell.rows]
    ids, mask = _pad([torch.cat([r.prompt, r.completion])[:-1] for r in rows], pad, device)
    starts = [i * ids.shape[1] + len(r.prompt) - 1 for i, r in enumerate(rows)]
    return Batch(
        input_ids=ids,
        position_ids=None,
        flat_rows=None,
        attention_mask=mask,
        decoder_ids=None,
        labels=_labels(cells, starts, device),
        shares=tuple(Share(c.name, len(c.rows), c.generator) for c in cells),
        tokens=int(mask.sum()),
    )


def encoder_decoder(cells: Sequence[CellRows], pad: int, start: int, device: torch.device) -> Batch:
    """Prompts to the encoder, completions (shifted right behind `start`) to the decoder."""
    rows = [row for cell in cells for row in cell.rows]
    ids, mask = _pad([r.prompt for r in rows], pad, device)
    begin = torch.tensor([start])
    decoder_ids, decoder_mask = _pad([torch.cat([begin, r.completion[:-1]]) for r in rows], pad, device)
    return Batch(
        input_ids=ids,
        position_ids=None,
        flat_rows=None,
        attention_mask=mask,
        decoder_ids=decoder_ids,
        labels=_labels(cells, [i * decoder_ids.shape[1] for i in range(len(rows))], device),
        shares=tuple(Share(c.name, len(c.rows), c.generator) for c in cells),
        tokens=int(mask.sum() + decoder_mask.sum()),
    )


def _labels(cells: Sequence[CellRows], starts: list[int], device: torch.device) -> Labels:
    """Labels of rows whose first completion token is predicted at `starts` of the flattened batch."""
    rows = [row for cell in cells for row in cell.rows]
    lengths = [len(r.completion) for r in rows]
    return Labels(
        positions=torch.cat([torch.arange(n) + s for n, s in zip(lengths, starts, strict=True)]).to(device),
        ids=torch.cat([r.completion for r in rows]).to(device),
        rows=torch.repeat_interleave(torch.arange(len(rows)), torch.tensor(lengths)).to(device),
        counts=tuple(sum(len(r.completion) for r in c.rows) for c in cells),
    )


def _pad(sequences: list[Tensor], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """(B, T) ids padded on the right, and their mask."""
    ids = torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True, padding_value=pad)
    lengths = torch.tensor([len(s) for s in sequences])
    mask = torch.arange(ids.shape[1])[None] < lengths[:, None]
    return ids.to(device), mask.long().to(device)
