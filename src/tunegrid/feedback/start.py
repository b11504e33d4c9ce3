"""From a finished cell to a session at work. Imports torch and transformers."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from tunegrid.cell.cell import Cell
from tunegrid.cell.integrity import ADAPTER
from tunegrid.data.tokenized import prepare
from tunegrid.feedback.learner import Learner
from tunegrid.feedback.live import Live
from tunegrid.feedback.session import Session
from tunegrid.feedback.settings import Feedback
from tunegrid.feedback.wording import Wording
from tunegrid.hardware.kernel_cache import bound_kernel_cache
from tunegrid.hardware.machine import load_onto, set_threads
from tunegrid.objective.experience import Actor
from tunegrid.objective.reference import Reference
from tunegrid.objective.rollout import Drawing
from tunegrid.objective.sft_training import rows_at
from tunegrid.pack.pack import Member, Pack
from tunegrid.reward import Judge


@dataclass(frozen=True, slots=True)
class Later(Judge):
    """People judge the answers, when they come to it."""

    def scores(self, prompts: Sequence[Tensor], responses: Sequence[Tensor]) -> list[float]:
        return [0.0] * len(responses)


def live_of(cell: Cell, settings: Feedback, session: Session, prompts: Sequence[str] | None, raw: bool) -> Live:
    """A session whose policy is not yet where its journal left it; without `prompts` the cell's own are answered."""
    run = cell.run
    set_threads(run.hardware)
    bound_kernel_cache()
    wording = Wording.of(cell, raw)
    tokenizer = wording.encoder.tokenizer
    data = prepare(run.data, tokenizer, run.prompt)
    member = Member(f"cell_{cell.id}", run.method, settings.seed, cell.path(ADAPTER))
    pack = Pack(load_onto(run.hardware, run.model, run.method), [member], tokenizer.pad_token_id)
    drawing = Drawing(settings.response_tokens, settings.temperature, wording.encoder.stop_ids, pack.pad)
    actor = _actor(pack, member, drawing, cell)
    held_out = rows_at(data.validation, range(min(settings.held_out_rows, len(data.validation))))
    learner = Learner(actor, settings, wording.row, data.train, held_out)
    return Live(cell.title, session, learner, wording, wording.own_prompts() if prompts is None else prompts)


def _actor(pack: Pack, member: Member, drawing: Drawing, cell: Cell) -> Actor:
    return Actor(
        pack=pack,
        name=member.name,
        reference=Reference(pack, member.name),
        drawing=drawing,
        judge=Later(),
        missing_end_penalty=0.0,
        tokens_per_pass=cell.run.hardware.tokens_per_pass,
        rows_at_once=cell.run.hardware.generation_rows,
    )
