"""A cell's adapter on disk, as PEFT writes and reads it. Imports peft."""

import shutil
import tempfile
from pathlib import Path

from peft import PeftModel


def save_adapter(model: PeftModel, name: str, folder: Path) -> None:
    """Write adapter `name` of `model` into `folder` itself: adapter_config.json and adapter_model.safetensors."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        model.save_pretrained(scratch, selected_adapters=[name])
        shutil.rmtree(folder, ignore_errors=True)
        (Path(scratch) / name).rename(folder)
        for leftover in folder.glob("README.md"):
            leftover.unlink()  # PEFT's card template: all placeholders
