"""Methods with virtual tokens, and packs of them beside others, with weights that make a difference."""

from collections.abc import Callable

import torch
from tiny_models import lora, random_rows
from torch import Tensor
from transformers import PreTrainedModel

from tunegrid.method import Method
from tunegrid.method.base import Base
from tunegrid.method.multitask_prompt import MultitaskPrompt
from tunegrid.method.p_tuning import PTuning, Reparametrisation
from tunegrid.method.prefix import Prefix
from tunegrid.method.prompt_tuning import PromptTuning
from tunegrid.method.virtual_tokens import Initialisation
from tunegrid.model.split_attention import split
from tunegrid.pack.batch import CellRows, Row
from tunegrid.pack.pack import Member, Pack

BASE = Base(kind="base")


def prompt(tokens: int = 5, text: str | None = None) -> PromptTuning:
    begins = Initialisation.vocabulary if text is None else Initialisation.text
    return PromptTuning(kind="prompt", tokens=tokens, initialisation=begins, text=text)


def p_tuning(tokens: int = 5, by: Reparametrisation = Reparametrisation.mlp, hidden: int | None = None) -> PTuning:
    return PTuning(kind="p_tuning", tokens=tokens, reparametrisation=by, hidden=hidden)


def multitask(tokens: int = 5, rank: int = 2) -> MultitaskPrompt:
    return MultitaskPrompt(
        kind="multitask", tokens=tokens, rank=rank, initialisation=Initialisation.vocabulary, text=None
    )


def prefix(tokens: int = 5, mlp: bool = False, hidden: int | None = None) -> Prefix:
    return Prefix(kind="prefix", tokens=tokens, mlp=mlp, hidden=hidden)


def packed(make: Callable[[], PreTrainedModel], **methods: Method) -> Pack:
    """A pack of named cells on a split model; every trainable number is drawn anew."""
    pack = Pack(split(make()), [Member(name, method, i) for i, (name, method) in enumerate(methods.items())], 0)
    torch.manual_seed(5)
    for member in pack.members:
        for parameter in pack.trainable(member).values():
            torch.nn.init.normal_(parameter, std=0.3)
    return pack


def losses(pack: Pack, rows_of_each: int = 3) -> dict[str, Tensor]:
    """Summed nll of each row of each cell, all cells in one batch; every cell has the same rows."""
    rows = random_rows(rows_of_each)
    cells = [CellRows(member.name, pack.own_rows(member.name, rows), None) for member in pack.members]
    batch = pack.forward.collate(cells)
    with torch.no_grad(), pack.router.over(*batch.shares):
        nll = pack.forward.losses(batch, torch.ones(len(batch.labels.ids)), 0.0)[1]
    sums = torch.zeros(rows_of_each * len(cells)).index_add_(0, batch.labels.rows, nll)
    return dict(zip([cell.name for cell in cells], sums.split(rows_of_each), strict=True))


def losses_by_transformers(model: torch.nn.Module, rows_of_each: int = 3) -> Tensor:
    """The same of one model, row by row through its own forward; a PEFT model puts its prompt there itself."""
    return torch.stack([_loss(model, row) for row in random_rows(rows_of_each)])


def _loss(model: torch.nn.Module, row: Row) -> Tensor:
    with torch.no_grad():
        if model.config.is_encoder_decoder:
            return model(input_ids=row.prompt[None], labels=row.completion[None]).loss * len(row.completion)
        ids = torch.cat([row.prompt, row.completion])[None]
        labels = ids.clone()
        labels[0, : len(row.prompt)] = -100
        return model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels).loss * len(row.completion)


def beside_others(**methods: Method) -> dict[str, Method]:
    """Cells of other methods before and behind these."""
    return {"narrow": lora(4, targets=("query", "key", "value")), **methods, "base": BASE, "wide": lora(8)}
