"""What a pack leaves in its cells' folders: metrics as they come, then answers, samples, adapter and result."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from tunegrid.cell import AnswerRow, Cell
from tunegrid.hardware.machine import device_of
from tunegrid.hardware.meter import Meter, Phase
from tunegrid.metrics import Score, Unavailable
from tunegrid.metrics.bootstrap import interval
from tunegrid.metrics.likelihood import likelihood_scores
from tunegrid.objective import Trained
from tunegrid.provenance import commit, now, versions
from tunegrid.result import Cost, Failure, Result, ScoreValue, Status
from tunegrid.tracker import Recorder, RunInfo

if TYPE_CHECKING:
    from tunegrid.data.tokenized import PreparedData
    from tunegrid.pack.pack import Pack

RESAMPLES = 2000
"""Of the bootstrap behind the intervals in result.json; tables draw their own, over seeds too."""


class CellJournal:
    """A cell's metrics.jsonl, which is the record, and its tracker, which mirrors it."""

    def __init__(self, cell: Cell, recorder: Recorder):
        self.cell, self.recorder = cell, recorder
        self.folder: Path = cell.folder

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Record one row."""
        self.cell.append_metrics({"step": step, **values})
        self.recorder.log(step, values)

    def rewind(self, step: int) -> None:
        """Forget the rows after `step`."""
        self.cell.rewind_metrics(step)


class PackRecord:
    """The records of a pack's cells, open from the first step until every result is written."""

    def __init__(self, cells: Sequence[Cell], meter: Meter):
        self.cells, self.meter = cells, meter
        self.started = now()
        self.journals: list[CellJournal] = []
        self.values: dict[str, dict[str, float]] = {cell.id: {} for cell in cells}

    def __enter__(self) -> "PackRecord":
        self.journals = [CellJournal(cell, cell.run.tracker.open(_info(cell))) for cell in self.cells]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for journal in self.journals:
            result = journal.cell.path("result.json")
            files = [result] if result.exists() else []
            journal.recorder.finish(self.values[journal.cell.id], files, 0 if kind is None else 1)

    def write(
        self,
        pack: "Pack",
        data: "PreparedData",
        trained: Sequence[Trained],
        answers: Sequence[Sequence[str]],
        scores: Sequence[Sequence[Score | Unavailable]],
    ) -> None:
        """Write every cell's files, the result last."""
        for i, cell in enumerate(self.cells):
            member = pack.members[i]
            cell.write_answers(
                [
                    AnswerRow(key=q.key, prompt=q.prompt, answer=answer, references=tuple(q.references))
                    for q, answer in zip(data.questions, answers[i], strict=True)
                ]
            )
            all_scores = [*likelihood_scores(trained[i].validation), *scores[i]]
            cell.write_samples(score for score in all_scores if isinstance(score, Score))
            cell.run.method.save(pack.adapted, member.name, cell.path("adapter"))
            result = self._result(cell, pack, data, trained, i, all_scores)
            cell.write_result(result)
            self.values[cell.id] = {name: score.value for name, score in result.scores.items()}

    def _result(
        self,
        cell: Cell,
        pack: "Pack",
        data: "PreparedData",
        trained: Sequence[Trained],
        index: int,
        scores: Sequence[Score | Unavailable],
    ) -> Result:
        own = trained[index]
        return Result(
            id=cell.id,
            status=Status.DIVERGED if own.diverged else Status.DONE,
            config=cell.config,
            scores={score.name: _value(score) for score in scores if isinstance(score, Score)},
            unavailable={score.name: score.reason for score in scores if isinstance(score, Unavailable)},
            cost=self._cost(cell, pack, trained, index),
            protocol=_protocol(cell, pack, data, own),
            versions=versions(),
            commit=commit(),
            seeds={"run": cell.run.seed},
            started=self.started,
            finished=now(),
            error=Failure(kind="diverged", message=f"not finite after step {own.steps}") if own.diverged else None,
        )

    def _cost(self, cell: Cell, pack: "Pack", trained: Sequence[Trained], index: int) -> Cost:
        own, seconds, size = trained[index], self.meter.seconds, len(self.cells)
        tokens = sum(t.tokens for t in trained)
        member = pack.members[index]
        return Cost(
            preparing_s=seconds[Phase.PREPARING] / size,
            training_s=own.seconds * own.tokens / tokens if tokens else None,
            evaluation_s=own.validation_seconds / size,
            generation_s=seconds[Phase.GENERATION] / size,
            peak_training_bytes=self.meter.peak_bytes[Phase.TRAINING] if own.tokens else None,
            peak_generation_bytes=self.meter.peak_bytes[Phase.GENERATION],
            trained_tokens=own.tokens,
            tokens_per_second=tokens / own.seconds if own.tokens else None,
            trainable_parameters=sum(p.numel() for p in pack.trainable(member).values()),
            total_parameters=pack.total_parameters(member),
            adapter_bytes=_size(cell.path("adapter")),
            steps=own.steps,
            pack_size=size,
            pack_training_s=own.seconds,
        )


def _info(cell: Cell) -> RunInfo:
    return RunInfo(id=cell.id, name=cell.title, group=cell.run.name, config=cell.config, folder=cell.folder)


def _value(score: Score) -> ScoreValue:
    found = interval(score, resamples=RESAMPLES, seed=0)
    return ScoreValue(value=found.value, low=found.low, high=found.high)


def _protocol(cell: Cell, pack: "Pack", data: "PreparedData", trained: Trained) -> dict[str, str]:
    """What a reader needs to compare the scores, beyond the config."""
    return {
        "device": device_of(cell.run.hardware).type,
        "precision": f"{pack.base.dtype}".removeprefix("torch."),
        "forward": pack.forward.name,
        "weights": f"after step {trained.kept_step} of {trained.steps}" if trained.steps else "as loaded",
        "training_rows": str(len(data.train)),
        "data": "; ".join(data.notes),
    }


def _size(folder: Path) -> int:
    """Bytes of weights in a folder."""
    with suppress(OSError):
        return sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return 0
