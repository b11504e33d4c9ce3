"""Reading a model folder in transformers' layout: config.json, safetensors weights, tokenizer files.

Weights are read from safetensors only and no code of a model folder is ever run.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunegrid.errors import ConfigError, unknown

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

PRECISIONS = ("float32", "bfloat16")
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "merges.txt")
TOKENIZER_SETTINGS = ("tokenizer_config.json", "chat_template.jinja", "added_tokens.json", "special_tokens_map.json")


def read_config_values(folder: Path) -> dict[str, Any]:
    """`folder/config.json` as plain values. Imports no torch."""
    path = folder / "config.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: not found; a model folder holds config.json, *.safetensors and a tokenizer"
        ) from None
    except (ValueError, OSError) as error:
        raise ConfigError(f"{path}: {error}; save the model again with save_pretrained") from None
    if not isinstance(values, dict) or not isinstance(values.get("model_type"), str):
        raise ConfigError(f"{path}: model_type must name a transformers architecture; save the model again")
    return values


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that hold the weights of a folder; raises `ConfigError` when any is missing."""
    index = folder / "model.safetensors.index.json"
    if (folder / "model.safetensors").is_file():
        return [folder / "model.safetensors"]
    if index.is_file():
        try:
            shards = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        except (ValueError, KeyError, AttributeError, TypeError):
            raise ConfigError(f"{index}: no weight_map; save the model again with save_pretrained") from None
        files = [folder / Path(shard).name for shard in shards]
        for file in files:
            if not file.is_file():
                raise ConfigError(f"{file}: not found, but {index.name} lists it; copy the missing shard")
        return files
    pickled = next((file.name for pattern in PICKLED for file in sorted(folder.glob(pattern))), None)
    if pickled:
        raise ConfigError(
            f"{folder}: holds pickled weights ({pickled}), which can run code and are never read; "
            "save it as safetensors (save_pretrained of a current transformers does) and point model.path there"
        )
    raise ConfigError(
        f"{folder}: no model.safetensors; a model folder holds config.json, *.safetensors and a tokenizer"
    )


def tokenizer_files(folder: Path) -> list[Path]:
    """The tokenizer's files of a folder; raises `ConfigError` when there is no vocabulary among them."""
    vocabulary = [folder / name for name in TOKENIZER_FILES if (folder / name).is_file()]
    if not vocabulary:
        raise ConfigError(
            f"{folder}: no tokenizer ({', '.join(TOKENIZER_FILES)}); copy the model's tokenizer files there"
        )
    return vocabulary + [folder / name for name in TOKENIZER_SETTINGS if (folder / name).is_file()]


def torch_dtype(precision: str) -> "torch.dtype":
    """The torch dtype of a precision's name."""
    import torch

    if precision not in PRECISIONS:
        raise ConfigError(f"hardware.precision: {unknown('precision', precision, PRECISIONS)}")
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]


def transformers_config(values: Mapping[str, Any], name: str) -> "PreTrainedConfig":
    """Plain config values as a transformers config."""
    from transformers import CONFIG_MAPPING

    model_type = str(values["model_type"])
    if model_type not in CONFIG_MAPPING:
        raise ConfigError(
            f"model {name}: transformers has no architecture {model_type!r}, and code that comes with a model is never "
            "run; choose another model or a newer transformers"
        )
    return CONFIG_MAPPING[model_type].from_dict(dict(values))


def load_tokenizer(folder: Path, name: str) -> "PreTrainedTokenizerBase":
    """The tokenizer of a folder, with a padding token always set."""
    from transformers import AutoTokenizer

    tokenizer_files(folder)
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (ValueError, OSError, KeyError, ImportError) as error:
        raise ConfigError(f"model {name}: the tokenizer in {folder} can't be read: {_first_line(error)}") from None
    with_padding(tokenizer, name)
    return tokenizer


def with_padding(tokenizer: "PreTrainedTokenizerBase", name: str) -> None:
    """Give a tokenizer without a padding token (GPT-2, Llama) its end-of-text token; padding is masked anyway."""
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token_id is None:
            raise ConfigError(f"model {name}: the tokenizer has neither pad_token nor eos_token; set eos_token in it")
        tokenizer.pad_token = tokenizer.eos_token


def load_weights(folder: Path, precision: str, name: str) -> "PreTrainedModel":
    """The model of a folder, in evaluation mode; raises `ConfigError` if a weight is missing or has another shape."""
    from safetensors import SafetensorError

    dtype = torch_dtype(precision)
    weight_files(folder)
    automatic = _automatic_class(read_config_values(folder), name)
    try:
        with quiet_transformers():
            model, report = automatic.from_pretrained(
                folder,
                dtype=dtype,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
            )
    except (ValueError, OSError, RuntimeError, KeyError, SafetensorError) as error:
        raise ConfigError(f"model {name}: {folder} can't be loaded: {_first_line(error)}") from None
    missing = sorted(report["missing_keys"])
    if missing:
        # transformers would fill them with random numbers and go on.
        raise ConfigError(
            f"model {name}: {folder} lacks {len(missing)} weights that its config.json asks for, first {missing[0]}; "
            "copy the whole model or correct config.json"
        )
    return model


def _automatic_class(values: Mapping[str, Any], name: str) -> Any:
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    config = transformers_config(values, name)
    return AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No progress bars of transformers' own while a model loads; ours are shown instead."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
