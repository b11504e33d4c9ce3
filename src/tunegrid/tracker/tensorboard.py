"""TensorBoard event files in the cell's `tracker/`. The package is optional: `pip install tunegrid[tensorboard]`."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tunegrid.config import schema
from tunegrid.errors import ConfigError
from tunegrid.tracker import Recorder, RunInfo, Tracker


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

    @property
    def destination(self) -> str:
        return "tensorboard"

    def open(self, info: RunInfo) -> Recorder:
        return _TensorboardRecorder(info)


class _TensorboardRecorder(Recorder):
    """Writes events with TensorBoard's own classes: those in torch would import torch."""

    def __init__(self, info: RunInfo) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        folder = info.folder / "tracker"
        for earlier in folder.glob("events.out.tfevents.*"):
            earlier.unlink()
        self._writer = EventFileWriter(str(folder))
        self._last = 0
        self._add([_text("config", f"    {json.dumps(info.config(), indent=2)}".replace("\n", "\n    "))])

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._last = step
        self._add([_scalar(name, value) for name, value in values.items()])

    def finish(self, scores: Mapping[str, float], artifacts: list[Path], exit_code: int) -> None:
        self._add([_scalar(f"score/{name}", value) for name, value in scores.items()])
        self._writer.close()

    def _add(self, values: list[Any]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        self._writer.add_event(Event(wall_time=time.time(), step=self._last, summary=Summary(value=values)))


def _scalar(name: str, value: float) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary.Value(tag=name, simple_value=value)


def _text(name: str, text: str) -> Any:
    """Markdown, as TensorBoard's text plugin reads it."""
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING

    plugin = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode()])
    return Summary.Value(tag=name, metadata=plugin, tensor=tensor)
