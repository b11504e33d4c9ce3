"""What a cell leaves behind: the shape of result.json."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from tunegrid.atomic import write_atomically
from tunegrid.errors import DataError, damaged

VERSION = 4
"""The version of result.json's shape; a file of a version that is not readable is refused, never guessed at."""
READABLE = (3, VERSION)
"""Version 3 has nothing on forgetting; all else is the same."""


class Status(Enum):
    """How a cell ended, or that it has not."""

    PENDING = "pending"
    """No result.json yet. Never written to a file."""
    DONE = "done"
    FAILED = "failed"
    OOM = "oom"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"
    PRUNED = "pruned"
    """A search stopped it early; a grid that contains it goes on with it."""
    DAMAGED = "damaged"
    """result.json, or a file it names, is not what was written. Never written to a file."""

    @property
    def final(self) -> bool:
        """Whether running the cell again would only repeat this outcome."""
        return self in (Status.DONE, Status.DIVERGED)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreValue:
    """A corpus-level score with its 95 % bootstrap interval over test instances."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a cell took. A field is None where it was not measured (or does not apply: a baseline does not train)."""

    preparing_s: float | None = None
    """Loading the model and tokenising the data, shared by the pack's cells alike."""
    training_s: float | None = None
    """This cell's share of the pack's training time, by trained tokens; alone: all of it."""
    evaluation_s: float | None = None
    """Validation losses."""
    generation_s: float | None = None
    """Answers for the test set."""
    forgetting_s: float | None = None
    """General text and held-out items, before and after training; the base's, too, in equal parts."""
    peak_training_bytes: int | None = None
    peak_generation_bytes: int | None = None
    weight_bytes: int | None = None
    """Of `peak_training_bytes`: the base, all adapters of the pack, and float32 copies of low-precision weights."""
    gradient_bytes: int | None = None
    optimizer_bytes: int | None = None
    """AdamW's two running means."""
    activation_bytes: int | None = None
    """What training took at its peak beyond the model as it stood before, gradients and AdamW's means: activations,
    logits, copies of the best weights."""
    trained_tokens: int | None = None
    """Non-padding tokens that went through the model in training."""
    tokens_per_second: float | None = None
    """`trained_tokens` of the pack over `pack_training_s`."""
    trainable_parameters: int | None = None
    total_parameters: int | None = None
    adapter_bytes: int | None = None
    steps: int | None = None
    """Optimiser steps taken."""
    pack_size: int | None = None
    """Cells that trained together; 1: alone."""
    pack_training_s: float | None = None
    """Wall time of the whole pack's training."""
    token_latency_s: float | None = None
    """To decode one more token of a single answer, unmerged; measured where `hardware.latency_tokens` is set."""
    base_token_latency_s: float | None = None
    """The same of the base alone: what it costs once the adaptation is merged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Abilities:
    """What a model can do beside the task that it is trained for."""

    perplexity: ScoreValue
    """Of general text."""
    accuracy: ScoreValue
    """On held-out items, 0 … 1."""
    tasks: Mapping[str, ScoreValue]
    """Accuracy on each kind of item."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Forgetting:
    """What training has changed beside the task; the change itself is among the scores."""

    before: Abilities
    """Of the base alone, as the pack holds it."""
    after: Abilities
    """Of the cell, with the kept weights."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why a cell is not done."""

    kind: str
    """The exception's class, or how the process ended."""
    message: str
    exit_status: int | None = None
    """Of the process, as `subprocess` gives it: -9 for SIGKILL. None where the process itself recorded the failure."""
    log: Sequence[str] = ()
    """The last lines that the process wrote."""
    rows: Sequence[int] = ()
    """Indices of the training rows of the batch whose loss or gradient was not finite."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileDigest:
    """What a file of the cell held when result.json was written."""

    size_bytes: int
    sha256: str
    """64 hex digits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One finished cell. A number that is not finite is stored as null."""

    id: str
    status: Status
    config: Mapping[str, Any]
    scores: Mapping[str, ScoreValue]
    unavailable: Mapping[str, str]
    """Metrics that could not be computed, and how to get them."""
    findings: Mapping[str, float] = field(default_factory=dict)
    """What the method itself found out in training, for example a learned sparsity."""
    forgetting: Forgetting | None = None
    """None where nothing was asked."""
    cost: Cost
    protocol: Mapping[str, str]
    """How the scores came about, in words a reader can compare."""
    versions: Mapping[str, str]
    commit: str | None
    seeds: Mapping[str, int]
    started: str
    """ISO 8601, UTC."""
    finished: str
    """ISO 8601, UTC."""
    error: Failure | None
    files: Mapping[str, FileDigest] = field(default_factory=dict)
    """Every other file that the cell leaves, by its path in the cell's folder; filled in by `Cell.write_result`."""

    def to_json(self, version: int = VERSION) -> str:
        """The text of result.json; its last key is the sha256 of the canonical JSON of all others.

        `version` is one of `READABLE`: the text as that version has it.
        """
        record = _finite({"version": version, **asdict(self), "status": self.status.value})
        if version == 3:
            del record["forgetting"], record["cost"]["forgetting_s"]
        return json.dumps({**record, "sha256": _digest(record)}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def write(self, path: Path) -> None:
        """Write result.json atomically."""
        write_atomically(path, self.to_json())

    @staticmethod
    def read(path: Path) -> "Result":
        """Read result.json.

        Raises `DamagedError` where it is not what was written, to the byte; `DataError` where it has another version.
        """
        try:
            text = path.read_bytes().decode()
            record = json.loads(text)
            digest = record.pop("sha256", None)
            if digest is not None and digest != _digest(record):
                raise ValueError("its sha256 is another")
            version = record.pop("version")
            if version in READABLE:
                return _parse(record, text, version)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise damaged(path, error) from error
        raise DataError(
            f"{path}: its shape is of version {version}, this tunegrid reads {' and '.join(map(str, READABLE))}; "
            "force=true runs the cell anew"
        )


def _parse(record: dict[str, Any], text: str, version: int) -> Result:
    failure, forgetting = record["error"], record.get("forgetting")
    sequences = {key: tuple(failure[key]) for key in ("log", "rows")} if failure else {}
    parsed = {
        "status": Status(record["status"]),
        "scores": _scores(record["scores"]),
        "cost": Cost(**record["cost"]),
        "error": None if failure is None else Failure(**{**failure, **sequences}),
        "forgetting": Forgetting(**{k: _abilities(v) for k, v in forgetting.items()}) if forgetting else None,
        "files": {name: FileDigest(**entry) for name, entry in record["files"].items()},
    }
    result = Result(**{**record, **parsed})
    if result.to_json(version) != text:
        raise ValueError("its text is another")
    return result


def _scores(record: Mapping[str, Any]) -> dict[str, ScoreValue]:
    return {name: _score(entry) for name, entry in record.items()}


def _score(record: Mapping[str, Any]) -> ScoreValue:
    return ScoreValue(**{**record, "value": math.nan if record["value"] is None else record["value"]})


def _abilities(record: Mapping[str, Any]) -> Abilities:
    return Abilities(
        perplexity=_score(record["perplexity"]), accuracy=_score(record["accuracy"]), tasks=_scores(record["tasks"])
    )


def _digest(record: Mapping[str, Any]) -> str:
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _finite(value: Any) -> Any:
    """Replace what JSON cannot hold (nan, infinities) by None, throughout."""
    if isinstance(value, Mapping):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.value if isinstance(value, Enum) else value
