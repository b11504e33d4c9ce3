"""TensorBoard event files in the cell's `tracker/`. The package is optional: `pip install tunegrid[tensorboard]`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tunegrid.config import schema
from tunegrid.errors import ConfigError
from tunegrid.tracker import Recorder, RunInfo, Tracker
from tunegrid.tracker.guarded import Guarded


@schema("tracker", "tensorboard")
@dataclass(kw_only=True, slots=True)
class Tensorboard(Tracker):
    """Scalars per step, the config as text, final scores under `score/`."""

    def __post_init__(self) -> None:
        """Refuse at once where the package is missing, not after the model has loaded."""
        if find_spec("tensorboard") is None:
            raise ConfigError(
                "tracker=tensorboard needs the package tensorboard; pip install 'tunegrid[tensorboard]', or tracker=csv"
            )

    def open(self, info: RunInfo) -> Recorder:
        """Start an event file in `tracker/`."""
        return Guarded("tensorboard", lambda: _TensorboardRecorder(info))


class _TensorboardRecorder(Recorder):
    def __init__(self, info: RunInfo) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(log_dir=str(info.folder / "tracker"))
        self._writer.add_text("config", f"    {json.dumps(dict(info.config), indent=2)}".replace("\n", "\n    "))
        self._last = 0

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._last = step
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def finish(self, scores: Mapping[str, float], artifacts: list[Path], exit_code: int) -> None:
        for name, value in scores.items():
            self._writer.add_scalar(f"score/{name}", value, self._last)
        self._writer.close()
