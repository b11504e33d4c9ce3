"""One cell, or a pack of cells on one base: config → model → data → method → objective → sampler → metrics → result."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tunegrid.config import require, schema
from tunegrid.data import Data
from tunegrid.forgetting import Forgetting
from tunegrid.hardware import Hardware, Strategy
from tunegrid.method import Method
from tunegrid.metrics import Metrics
from tunegrid.metrics.scored import scored
from tunegrid.model import Model
from tunegrid.objective import Objective
from tunegrid.prompt import Prompt
from tunegrid.reward import Reward
from tunegrid.sampler import Sampler
from tunegrid.sweep.options import PackMode, Sweep
from tunegrid.table.spec import TableSpec
from tunegrid.tracker import Tracker

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from tunegrid.cell.cell import Cell
    from tunegrid.data.tokenized import PreparedData
    from tunegrid.forgetting.recall import Recall
    from tunegrid.hardware.meter import Meter
    from tunegrid.pack.pack import Pack
    from tunegrid.progress import Progress


@schema(None, "run")
@dataclass(kw_only=True, slots=True)
class Run:
    """Everything that defines one cell, and where it goes."""

    name: str
    """The sweep's name: its table is written to `output_root/name`."""
    seed: int
    output_root: str
    force: bool
    """Run cells again that are done."""
    model: Model
    data: Data
    method: Method
    objective: Objective
    reward: Reward
    prompt: Prompt
    sampler: Sampler
    metrics: Metrics
    forgetting: Forgetting
    hardware: Hardware
    tracker: Tracker
    table: TableSpec
    sweep: Sweep

    def __post_init__(self) -> None:
        divided = self.hardware.strategy is Strategy.fsdp
        possible = not divided or self.method.quantisation() is None
        require(possible, "hardware.strategy", "be ddp or single for a base in four bits", self.hardware.strategy)
        rule = "be ddp or single for bitsandbytes' optimisers; objective.optimizer=adamw is divided"
        require(not divided or self.objective.divisible(), "hardware.strategy", rule, self.hardware.strategy)
        self.objective.check(self)


def run_pack(cells: "Sequence[Cell]", notes: Mapping[str, str]) -> None:
    """Train, generate and score cells that share a base; each leaves a result. One cell is a pack of one.

    `notes` go into every result's protocol.
    """
    from tunegrid.quiet import hush

    hush()
    from tunegrid.cell.record import PackRecord
    from tunegrid.hardware.meter import Meter, Phase
    from tunegrid.hardware.ranks import together
    from tunegrid.progress import Progress

    run = cells[0].run
    meter = Meter()
    record = PackRecord(cells, meter, notes)
    with together(run.hardware, train_along, cells), Progress([cell.title for cell in cells]) as progress:
        from tunegrid.forgetting.recall import Recall  # imports torch: the other ranks have started by now
        from tunegrid.reward.answer_scores import answer_scores
        from tunegrid.sampler.latency import latencies

        with meter.phase(Phase.PREPARING), progress.stage("preparing"):
            tokenizer, data, pack = _prepared(cells)
            recall = Recall.of(run.forgetting.material(), tokenizer, pack, run.hardware.tokens_per_pass)
        with record:  # from here on there is something to record
            with _recalling(recall, meter, progress):
                before = recall.of_base()
            with meter.phase(Phase.TRAINING), progress.stage("training") as report:
                objectives = [cell.run.objective for cell in cells]
                trained = run.objective.train(pack, objectives, data, run.hardware, record.journals, report, run.reward)
            silent = [place for place, own in enumerate(trained) if own.pruned or not run.objective.writes()]
            with _recalling(recall, meter, progress):
                asked = recall.of_members(before, silent)
            with meter.phase(Phase.GENERATION), progress.stage("generating") as report:
                answers = run.sampler.answers(pack, data, tokenizer, run.hardware, report, silent)
            with progress.stage("timing"):
                latency = latencies(pack, run.hardware.latency_tokens)
            with meter.phase(Phase.SCORING), progress.stage("scoring"):
                encoder, device = run.prompt.encoder(tokenizer), pack.base.device
                judged = answer_scores(run.reward, encoder, device, data.questions, answers)
                scores = [
                    [] if place in silent else [*scored(run.metrics, data.questions, of_cell), *judged[place]]
                    for place, of_cell in enumerate(answers)
                ]
            record.write(pack, data, trained, answers, scores, asked, latency)


@contextmanager
def _recalling(recall: "Recall", meter: "Meter", progress: "Progress") -> Iterator[None]:
    """Charge what happens inside the `with` block to forgetting; show it where there is something to ask."""
    from tunegrid.hardware.meter import Phase

    with meter.phase(Phase.FORGETTING), progress.stage("recalling") if recall.is_asked else nullcontext():
        yield


def train_along(cells: "Sequence[Cell]") -> None:
    """The part of `run_pack` for a rank other than the first: it helps to train, and leaves nothing."""
    from tunegrid.quiet import hush

    hush()
    from tunegrid.objective.unrecorded import Unrecorded

    run = cells[0].run
    _, data, pack = _prepared(cells)
    objectives = [cell.run.objective for cell in cells]
    journals = [Unrecorded(cell.folder) for cell in cells]
    run.objective.train(pack, objectives, data, run.hardware, journals, lambda done, total, text: None)


def _prepared(cells: "Sequence[Cell]") -> "tuple[PreTrainedTokenizerBase, PreparedData, Pack]":
    from tunegrid.data.pairs import prepare_pairs
    from tunegrid.data.token_index import remember
    from tunegrid.data.tokenized import prepare
    from tunegrid.data.training_prompts import prepare_prompts
    from tunegrid.hardware.kernel_cache import bound_kernel_cache
    from tunegrid.hardware.machine import load_onto, set_threads
    from tunegrid.pack.pack import Member, Pack

    run = cells[0].run
    set_threads(run.hardware)
    bound_kernel_cache()
    tokenizer = run.model.load_tokenizer()
    data = prepare(run.data, tokenizer, run.prompt)
    if run.objective.compares():
        pairs = prepare_pairs(run.data, tokenizer, run.prompt)
        data = replace(data, pairs=pairs, notes=(*data.notes, *pairs.notes))
    if run.objective.asks():
        prompts = prepare_prompts(run.data, tokenizer, run.prompt)
        data = replace(data, prompts=prompts, notes=(*data.notes, *prompts.notes))
    remember(run.data, run.prompt, run.model.identity(), data)
    model = load_onto(run.hardware, run.model, run.method)
    members = [Member(f"cell_{cell.id}", cell.run.method, cell.run.seed) for cell in cells]
    strict = run.sweep.pack is PackMode.strict
    return tokenizer, data, Pack(model, members, tokenizer.pad_token_id, strict, tokenizer, data.tasks)
