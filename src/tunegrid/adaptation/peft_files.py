"""A cell's adapter on disk, as PEFT writes and reads it. Imports torch and peft."""

import json
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from peft import PeftModel, PromptLearningConfig
from peft.tuners.lora.layer import LoraLayer
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import Module
from transformers import PreTrainedModel

from tunegrid.atomic import PART, replaced
from tunegrid.model.fuse_adapter import SPLIT_KEY, fuse_adapter, fused_alpha, separate_adapter
from tunegrid.model.split_attention import FUSED, PARTS, split
from tunegrid.pack.lora_start import used_a, used_b

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
        _add_start(model, name, saved)
        with suppress(ValueError):
            _fuse(saved)
        for leftover in saved.glob("README.md"):
            leftover.unlink()  # PEFT's card template: all placeholders
        shutil.rmtree(folder, ignore_errors=True)
        saved.rename(folder)


def save_learned(
    settings: PromptLearningConfig, learned: Tensor, folder: Path, more: Mapping[str, Tensor] | None = None
) -> None:
    """Write what was learned for virtual tokens (n, …), and `more` by PEFT's names, so that PEFT loads it."""
    settings.inference_mode = True
    values = settings.to_dict()
    with replaced(folder / SETTINGS) as part:
        part.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n")
    with replaced(folder / WEIGHTS) as part:
        state = {PROMPT: learned.detach().float().contiguous(), **(more or {})}
        save_file(state, part, metadata={"format": "pt"})


def holds_more(folder: Path) -> bool:
    """Whether `save_learned` was given more than one tensor."""
    with safe_open(folder / WEIGHTS, framework="pt") as file:
        return len(list(file.keys())) > 1


def load_learned(folder: Path) -> Tensor:
    """What `save_learned` wrote: (n, …) float32."""
    return load_file(folder / WEIGHTS)[PROMPT]


def task_of(model: Module) -> str:
    """What PEFT calls the task of a model."""
    return "SEQ_2_SEQ_LM" if cast(Any, model).config.is_encoder_decoder else "CAUSAL_LM"


def load_adapter(model: PreTrainedModel, folder: Path) -> PeftModel:
    """Put the adapter in `folder` on the model as it was published, which is split where the files want it."""
    with safe_open(folder / WEIGHTS, framework="pt") as file:
        if any(f".{FUSED}.{part}." in key for key in file.keys() for part in PARTS):  # noqa: SIM118
            model = split(model)
    with without_false_alarms():
        loaded: PeftModel = PeftModel.from_pretrained(model, str(folder))
    return loaded


def restore_adapter(model: Module, name: str, folder: Path) -> PeftModel:
    """Put the adapter in `folder` on a model that others may be on, and whose attention is split if it is a GPT-2's."""
    with tempfile.TemporaryDirectory() as scratch, without_false_alarms():
        source = _separate(folder, Path(scratch))
        if isinstance(model, PeftModel):
            model.load_adapter(str(source), name)
            return model
        restored: PeftModel = PeftModel.from_pretrained(cast(PreTrainedModel, model), str(source), name)
    return restored


def _separate(folder: Path, scratch: Path) -> Path:
    """The adapter on GPT-2's fused `c_attn` as the equal one on its separate projections; any other where it is."""
    settings = json.loads((folder / SETTINGS).read_text())
    if settings.get("target_modules") != [FUSED]:
        return folder
    state = separate_adapter(load_file(folder / WEIGHTS))
    _write(scratch, state, settings | {"target_modules": list(PARTS), "fan_in_fan_out": False})
    return scratch


@contextmanager
def without_false_alarms() -> Iterator[None]:
    """Silence what PEFT warns of and does right.

    It reads from each layer whether its weight is transposed, as GPT-2's are, it uses AdaLoRA's pattern of ranks, and
    what it unmerges is compared with the base.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "fan_in_fan_out is set to", UserWarning)
        warnings.filterwarnings("ignore", "Unmerge result can be inaccurate", UserWarning)
        warnings.filterwarnings("ignore", "The following rank_pattern keys did not match", RuntimeWarning)
        yield


def _add_start(model: PeftModel, name: str, folder: Path) -> None:
    """Make a LoRA that did not start at zero the equal one of twice the rank that PEFT puts on the unchanged base."""
    started = {key: layer for key, layer in model.named_modules() if _has_start(layer, name)}
    if not started:
        return
    state, settings = load_file(folder / WEIGHTS), json.loads((folder / SETTINGS).read_text())
    for key, layer in started.items():
        state[f"{key}.lora_A.weight"] = used_a(layer.lora_A[name]).detach().contiguous().cpu()
        state[f"{key}.lora_B.weight"] = used_b(layer.lora_B[name]).detach().contiguous().cpu()
    rank, alpha, rslora = settings["r"], settings["lora_alpha"], settings["use_rslora"]
    settings |= {"r": 2 * rank, "lora_alpha": fused_alpha(alpha, rank, 2 * rank, rslora), "init_lora_weights": True}
    _write(folder, state, settings)


def _has_start(layer: Any, name: str) -> bool:
    return isinstance(layer, LoraLayer) and name in layer.lora_B and hasattr(layer.lora_B[name], "start")


def _fuse(folder: Path) -> None:
    state = load_file(folder / WEIGHTS)
    if not any(SPLIT_KEY.fullmatch(key) for key in state):
        return
    settings = json.loads((folder / SETTINGS).read_text())
    fused = fuse_adapter(state, settings["r"], settings["lora_alpha"], settings["use_rslora"])
    settings |= {"r": fused.rank, "lora_alpha": fused.alpha, "target_modules": [FUSED], "fan_in_fan_out": True}
    _write(folder, fused.state, settings)


def _write(folder: Path, state: dict[str, Tensor], settings: dict[str, Any]) -> None:
    save_file(state, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / SETTINGS).write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
