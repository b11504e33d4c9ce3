"""Weights & Biases. Offline by default: no key, no network, nothing outside the cell's folder."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunegrid.config import require, schema
from tunegrid.tracker import Recorder, RunInfo, Tracker

if TYPE_CHECKING:
    from wandb import Run, Settings

INIT_S = 10.0
"""For a server to answer; wandb alone waits 90 s."""
FINISH_S = 60.0
"""For a server to take what is left; wandb alone waits without end."""

SYNCED = ".synced"
"""Ends the name of the file with which `wandb sync` marks a folder that it need not send again."""


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

    @property
    def destination(self) -> str:
        return f"wandb {self.mode.value} {f'{self.entity}/' if self.entity else ''}{self.project}"

    def address(self) -> str | None:
        if self.mode is WandbMode.offline:
            return None
        from wandb.sdk import wandb_setup

        return wandb_setup.singleton().settings.base_url

    def open(self, info: RunInfo) -> Recorder:
        return _WandbRecorder(self, info)


class _WandbRecorder(Recorder):
    def __init__(self, tracker: Wandb, info: RunInfo) -> None:
        folder = (info.folder / "tracker").absolute()
        _keep_to_itself(folder, tracker.mode)
        import wandb

        self._offline = tracker.mode is WandbMode.offline
        self._earlier = list(folder.glob(f"wandb/offline-run-*-{info.id}"))
        self.first_step = _first_unsynced(self._earlier) if self._offline else 0
        self._run: Run = wandb.init(
            project=tracker.project,
            entity=tracker.entity,
            group=info.group,
            name=info.name,
            id=info.id,
            job_type="cell",
            config=info.config(),
            dir=folder,
            mode=tracker.mode.value,
            resume=None if self._offline else "allow",
            reinit="create_new",
            settings=_settings(),
        )
        if not self._offline:
            self.first_step = self._run.starting_step

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step, commit=True)

    def finish(self, scores: Mapping[str, float], artifacts: list[Path], exit_code: int) -> None:
        self._run.summary.update(dict(scores))
        for path in artifacts:
            copy = shutil.copy(path, self._run.dir)
            self._run.save(copy, base_path=self._run.dir, policy="end")
        shown = {path.name: shown for path in artifacts if (shown := _shown(path)) is not None}
        if shown:
            self._run.log(shown)
        self._run.finish(exit_code=exit_code)
        if not self._offline:
            for folder in self._earlier:  # all it has is on the server: `wandb sync` would send it there again
                (folder / f"run-{self._run.id}.wandb{SYNCED}").touch()


def _first_unsynced(folders: list[Path]) -> int:
    """The first step of a run that `wandb sync` has not sent. Removes the offline folders that it has not sent at all.

    An offline run cannot be gone on with. The new folder has what the server lacks, which `wandb sync` appends there.
    """
    first = 0
    for folder in folders:
        summary = folder / "files" / "wandb-summary.json"
        if any(folder.glob(f"*{SYNCED}")) and summary.exists():
            first = max(first, json.loads(summary.read_text(encoding="utf-8")).get("_step", -1) + 1)
        else:
            shutil.rmtree(folder)
    return first


def _settings() -> "Settings":
    """Nothing on the terminal, nothing without a limit in time, no code and no statistics of the machine."""
    import wandb

    return wandb.Settings(
        silent=True,
        console="off",
        init_timeout=INIT_S,
        finish_timeout=FINISH_S,
        finish_timeout_raises=True,
        disable_code=True,
        x_disable_stats=True,
    )


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


def _keep_to_itself(folder: Path, mode: WandbMode) -> None:
    """Have wandb say nothing, report no errors home, and keep its caches in the cell's folder, unless told otherwise.

    It has no settings for these. Online its config folder stays where it is: a self-hosted server's address is in it.
    """
    os.environ.setdefault("WANDB_SILENT", "true")
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its end waits for the server that takes the reports
    places = {"WANDB_CACHE_DIR": "cache", "WANDB_DATA_DIR": "data", "WANDB_ARTIFACT_DIR": "artifacts"}
    if mode is WandbMode.offline:
        places["WANDB_CONFIG_DIR"] = "config"
    for variable, name in places.items():
        os.environ.setdefault(variable, str(folder / "caches" / name))
