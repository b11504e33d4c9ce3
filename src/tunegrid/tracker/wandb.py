"""Weights & Biases. Offline by default: no key, no network, nothing outside the cell's folder."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunegrid.config import require, schema
from tunegrid.tracker import Recorder, RunInfo, Tracker
from tunegrid.tracker.guarded import Guarded

if TYPE_CHECKING:
    from wandb import Run

ONLINE_PATIENCE_S = 20.0
"""wandb alone waits 90 s for a server that does not answer."""


class WandbMode(Enum):
    """Where a run goes."""

    offline = "offline"
    """Into `tracker/wandb/`; `wandb sync FOLDER` sends it later."""
    online = "online"
    """To the server, with the key of `wandb login` or WANDB_API_KEY."""


@schema("tracker", "wandb")
@dataclass(kw_only=True, slots=True)
class Wandb(Tracker):
    """A run per cell, a group per sweep."""

    mode: WandbMode
    project: str
    entity: str | None
    """The team; null: the key's owner."""

    def __post_init__(self) -> None:
        require(bool(self.project), "tracker.project", "be a name", repr(self.project))

    def open(self, info: RunInfo) -> Recorder:
        """Start a run that shares nothing with the others open in this process."""
        return Guarded("wandb", lambda: _WandbRecorder(self, info))


class _WandbRecorder(Recorder):
    def __init__(self, tracker: Wandb, info: RunInfo) -> None:
        folder = (info.folder / "tracker").absolute()
        folder.mkdir(parents=True, exist_ok=True)
        _keep_out_of_home(folder, tracker.mode)
        import wandb

        self._name = f"{info.group}-{info.id}"
        self._run: Run = wandb.init(
            project=tracker.project,
            entity=tracker.entity,
            group=info.group,
            name=info.name,
            job_type="cell",
            config=dict(info.config),
            dir=folder,
            mode=tracker.mode.value,
            reinit="create_new",
            settings=wandb.Settings(
                silent=True, console="off", init_timeout=ONLINE_PATIENCE_S, disable_code=True, x_disable_stats=True
            ),
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def finish(self, scores: Mapping[str, float], artifacts: list[Path], exit_code: int) -> None:
        try:
            self._run.summary.update(dict(scores))
            if artifacts:
                self._log_files(artifacts)
        finally:
            self._run.finish(exit_code=exit_code)

    def _log_files(self, paths: list[Path]) -> None:
        """Show what W&B can show, and keep every file as it is in one artifact."""
        import wandb

        shown = {path.name: shown for path in paths if (shown := _shown(path)) is not None}
        if shown:
            self._run.log(shown)
        bundle = wandb.Artifact(self._name, type="result")
        for path in paths:
            bundle.add_file(str(path)) if path.is_file() else bundle.add_dir(str(path), name=path.name)
        self._run.log_artifact(bundle)


def _shown(path: Path) -> Any:
    """A W&B media object for a figure, a page or a table; None for other files."""
    import csv

    import wandb

    if path.suffix == ".png":
        return wandb.Image(str(path))
    if path.suffix == ".html":
        return wandb.Html(path.read_text(encoding="utf-8"), inject=False)
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = list(csv.reader(file)) or [[]]
        return wandb.Table(columns=list(header), data=rows)
    return None


def _keep_out_of_home(folder: Path, mode: WandbMode) -> None:
    """Point wandb's caches at the cell's folder where the user has not placed them; it has no setting for them.

    Online its config folder stays where it is: the address of a self-hosted server is in it.
    """
    places = {"WANDB_CACHE_DIR": "cache", "WANDB_DATA_DIR": "data", "WANDB_ARTIFACT_DIR": "artifacts"}
    if mode is WandbMode.offline:
        places["WANDB_CONFIG_DIR"] = "config"
    for variable, name in places.items():
        os.environ.setdefault(variable, str(folder / "caches" / name))
