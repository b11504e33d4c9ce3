"""One cell, or a pack of cells on one base: config → model → data → method → objective → sampler → metrics → result."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.config import schema
from tunegrid.data import Data
from tunegrid.hardware import Hardware
from tunegrid.method import Method
from tunegrid.metrics import Metrics
from tunegrid.model import Model
from tunegrid.objective import Objective
from tunegrid.prompt import Prompt
from tunegrid.sampler import Sampler
from tunegrid.sweep_options import PackMode, Sweep
from tunegrid.table.spec import TableSpec
from tunegrid.tracker import Tracker

if TYPE_CHECKING:
    from tunegrid.cell import Cell


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
    prompt: Prompt
    sampler: Sampler
    metrics: Metrics
    hardware: Hardware
    tracker: Tracker
    table: TableSpec
    sweep: Sweep


def run_pack(cells: "Sequence[Cell]") -> None:
    """Train, generate and score cells that share a base; each leaves a result. One cell is a pack of one."""
    from tunegrid.quiet import hush

    hush()
    from tunegrid.data.tokenized import prepare
    from tunegrid.hardware.machine import load_onto, set_threads
    from tunegrid.hardware.meter import Meter, Phase
    from tunegrid.pack.pack import Member, Pack
    from tunegrid.progress import Progress
    from tunegrid.record import PackRecord
    from tunegrid.sampler.decode import decode

    run = cells[0].run
    meter = Meter()
    set_threads(run.hardware)
    record = PackRecord(cells, meter)
    with Progress([cell.title for cell in cells]) as progress:
        with meter.phase(Phase.PREPARING), progress.stage("preparing"):
            tokenizer = run.model.load_tokenizer()
            data = prepare(run.data, tokenizer, run.prompt)
            model = load_onto(run.hardware, run.model, run.method.freezes_base())
            members = [Member(f"cell_{cell.id}", cell.run.method, cell.run.seed) for cell in cells]
            pack = Pack(model, members, tokenizer.pad_token_id, strict=run.sweep.pack is PackMode.strict)
        with record:  # from here on there is something to record
            with meter.phase(Phase.TRAINING), progress.stage("training") as report:
                objectives = [cell.run.objective for cell in cells]
                trained = run.objective.train(pack, objectives, data, run.hardware, record.journals, report)
            with meter.phase(Phase.GENERATION), progress.stage("generating") as report:
                answers = decode(run.sampler, pack, data, tokenizer, run.hardware.generation_rows, report)
            with meter.phase(Phase.SCORING), progress.stage("scoring"):
                references = [question.references for question in data.questions]
                scores = [run.metrics.score(of_cell, references) for of_cell in answers]
            record.write(pack, data, trained, answers, scores)
