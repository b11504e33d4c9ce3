"""A cell's adapter on disk, as PEFT writes and reads it. Imports torch and peft."""

import json
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from peft import PeftModel, PromptLearningConfig
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import Module
from transformers import PreTrainedModel

from tunegrid.atomic import PART, replaced
from tunegrid.model.fuse_adapter import SPLIT_KEY, fuse_adapter
from tunegrid.model.split_attention import FUSED, split

SETTINGS, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PROMPT = "prompt_embeddings"
"""PEFT's name for what is learned for virtual tokens: embeddings, or the keys and values of a prefix."""


def save_adapter(model: PeftModel, name: str, folder: Path) -> None:
    """Write adapter `name` of `model` into `folder` itself, so that PEFT loads it on the model as it was published.

    An adapter on GPT-2's separate projections becomes the equal one on its fused `c_attn`, unless other layers are
    adapted too: PEFT cannot give those another rank, and the files then fit a split model only.
    """
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.", suffix=PART) as scratch:
        model.save_pretrained(scratch, selected_adapters=[name])
        saved = Path(scratch) / name
        with suppress(ValueError):
            _fuse(saved)
        for leftover in saved.glob("README.md"):
            leftover.unlink()  # PEFT's card template: all placeholders
        shutil.rmtree(folder, ignore_errors=True)
        saved.rename(folder)


def save_learned(settings: PromptLearningConfig, learned: Tensor, folder: Path) -> None:
    """Write what was learned for virtual tokens (n, …) into `folder`, so that PEFT loads it."""
    settings.inference_mode = True
    values = settings.to_dict()
    with replaced(folder / SETTINGS) as part:
        part.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n")
    with replaced(folder / WEIGHTS) as part:
        save_file({PROMPT: learned.detach().float().contiguous()}, part, metadata={"format": "pt"})


def task_of(model: Module) -> str:
    """What PEFT calls the task of a model."""
    return "SEQ_2_SEQ_LM" if cast(Any, model).config.is_encoder_decoder else "CAUSAL_LM"


def load_adapter(model: PreTrainedModel, folder: Path) -> PeftModel:
    """Put the adapter in `folder` on the model as it was published, which is split where the files want it."""
    with safe_open(folder / WEIGHTS, framework="pt") as file:
        if any(f".{FUSED}.q_proj." in key or f".{FUSED}.v_proj." in key for key in file.keys()):  # noqa: SIM118
            model = split(model)
    loaded: PeftModel = PeftModel.from_pretrained(model, str(folder))
    return loaded


def _fuse(folder: Path) -> None:
    state = load_file(folder / WEIGHTS)
    if not any(SPLIT_KEY.fullmatch(key) for key in state):
        return
    settings = json.loads((folder / SETTINGS).read_text())
    fused = fuse_adapter(state, settings["r"], settings["lora_alpha"], settings["use_rslora"])
    settings |= {"r": fused.rank, "lora_alpha": fused.alpha, "target_modules": [FUSED], "fan_in_fan_out": True}
    save_file(fused.state, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / SETTINGS).write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
