"""The model card of an exported cell: what it is, from what, how good, at what cost."""

import json
from pathlib import Path

from omegaconf import OmegaConf

from tunegrid.cell.cell import Cell
from tunegrid.cell.result import Result, ScoreValue
from tunegrid.errors import ConfigError

CARD = "README.md"
UNKNOWN = "unknown"
MERGED = "Whole weights, the adaptation merged into them."


def model_card(cell: Cell, result: Result, merged: bool, licence: str | None) -> str:
    """Markdown with the front matter that model hubs read."""
    front = {
        "base_model": str(cell.run.model.name),
        "library_name": "transformers" if merged else "peft",
        "license": licence or UNKNOWN,
        "pipeline_tag": "text-generation",
        "tags": ["tunegrid", cell.run.method.kind],
    }
    title = f"{cell.run.model.name}, adapted by {cell.run.method.kind}"
    parts = [
        f"---\n{OmegaConf.to_yaml(OmegaConf.create(front))}---\n",
        f"# {title}\n",
        _what(cell, merged),
        _licence(licence),
        _section("Scores", [_score(name, value) for name, value in result.scores.items()]),
        _section("Protocol", [f"{name}: {text}" for name, text in result.protocol.items()]),
        _section("Cost", _cost(result)),
        f"## Config\n\n```yaml\n{OmegaConf.to_yaml(OmegaConf.create(dict(cell.config)))}```\n",
        f"{_origin(cell)} with {json.dumps(dict(result.versions), sort_keys=True)}.\n",
    ]
    return "\n".join(parts)


def check_merged(folder: Path, cell: Cell) -> None:
    """Raise `ConfigError` unless the card in `folder` says that this cell was merged into the weights beside it."""
    card = folder / CARD
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    if MERGED not in text or _origin(cell) not in text:
        raise ConfigError(f"--unmerge {folder}: its {CARD} does not say that cell {cell.id} was merged there")


def _origin(cell: Cell) -> str:
    return f"Made from cell `{cell.id}`"


def _what(cell: Cell, merged: bool) -> str:
    form = MERGED if merged else "The adaptation alone; it needs its base."
    return f"{form} Base: {cell.run.model.identity()}. Data: {cell.config['data']}.\n"


def _licence(licence: str | None) -> str:
    own = licence or "not stated by whoever exported it"
    return (
        f"## Licence\n\nOf this model: {own}. It has to agree with the licence of the base model and with that of the "
        "training data; look both up at their sources.\n"
    )


def _section(title: str, lines: list[str]) -> str:
    return f"## {title}\n\n" + "".join(f"- {line}\n" for line in lines)


def _score(name: str, score: ScoreValue) -> str:
    known = score.low is not None and score.high is not None
    return f"{name}: {score.value:.4g}" + (f" (95 % interval {score.low:.4g} to {score.high:.4g})" if known else "")


def _cost(result: Result) -> list[str]:
    cost = result.cost
    figures = {
        "trainable parameters": cost.trainable_parameters,
        "training, s": cost.training_s,
        "peak memory in training, bytes": cost.peak_training_bytes,
        "tokens trained on": cost.trained_tokens,
        "adapter, bytes": cost.adapter_bytes,
    }
    return [f"{name}: {value:.6g}" for name, value in figures.items() if value is not None]
