"""GGUF files, read once through transformers (15-25 s) and kept as safetensors in each precision (0.1 s afterwards)."""

import json
import mmap
import os
import shutil
import struct
import sys
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunegrid.errors import ConfigError
from tunegrid.model.cache import cache_folder, content_hash, file_sha256
from tunegrid.model.pretrained import PRECISIONS, quiet_transformers, torch_dtype

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LAYOUT = 1
"""Raised whenever what `_write` leaves changes, so that older caches are made again."""

GGUF_STRING = 8


def converted(gguf: Path) -> Path:
    """The cache folder made from a GGUF file; one subfolder per precision, each a whole model folder.

    Made on first use, and again whenever a file of it is missing, cut short or changed. Several processes may call this
    at once: one converts, the others wait for it.
    """
    from filelock import FileLock

    folder = cache_folder() / "models" / f"{content_hash(gguf)[:16]}-{LAYOUT}"
    if intact(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            if not intact(folder):
                _replace(folder, gguf)
    except OSError as error:
        raise ConfigError(
            f"model cache {folder}: {error.strerror or error}; free 1 GB there or set TUNEGRID_CACHE to another folder"
        ) from None
    return folder


def intact(folder: Path) -> bool:
    """Whether every file is as it was written: by size and time of change, and by content where the time differs."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        return all(_unchanged(folder / name, entry) for name, entry in manifest["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _unchanged(path: Path, entry: dict[str, Any]) -> bool:
    status = path.stat()
    if status.st_size != entry["size"]:
        return False
    return status.st_mtime_ns == entry["mtime_ns"] or file_sha256(path) == entry["sha256"]


def _replace(folder: Path, gguf: Path) -> None:
    for leftover in folder.parent.glob(f"{folder.name}.*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)  # of a killed process; we hold the lock
    temporary = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    try:
        with _progress(gguf):
            _write(temporary, gguf)
        _write_manifest(temporary)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _progress(gguf: Path) -> Any:
    from rich.console import Console

    console = Console(file=sys.stderr)
    text = f"Reading {gguf.name} once (about 20 s); later starts use the copy in {cache_folder()}"
    if not console.is_terminal:
        console.print(text, soft_wrap=True, highlight=False)
    return console.status(text)


def _write(folder: Path, gguf: Path) -> None:
    """Leave one model folder per precision: config.json without a quantisation entry, weights, tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source, name = str(gguf.parent), gguf.name
    # Some readers show a bar of their own through tqdm, which nothing but its stream turns off.
    with quiet_transformers(), redirect_stderr(StringIO()):
        try:
            tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=name, local_files_only=True)
            model = AutoModelForCausalLM.from_pretrained(
                source, gguf_file=name, dtype=torch_dtype("float32"), local_files_only=True, **_unpacked()
            )
        except (ValueError, KeyError, IndexError) as error:
            raise ConfigError(f"model.file: {gguf} can't be read: {error}; install the package again") from None
    # The weights are plain numbers now; versions of transformers that leave these marks refuse to save them.
    model.__dict__.pop("hf_quantizer", None)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    tokenizer.model_max_length = model.config.max_position_embeddings
    _split_digits(tokenizer, gguf)
    with quiet_transformers():
        for precision in PRECISIONS:
            model.to(dtype=torch_dtype(precision))  # type: ignore[call-arg]
            model.save_pretrained(folder / precision)
            tokenizer.save_pretrained(folder / precision)


def _unpacked() -> dict[str, Any]:
    # Newer transformers would keep the 4-bit blocks, and fetch a kernel for them, where the device has one.
    import transformers

    config = getattr(transformers, "GgufConfig", None)
    return {"quantization_config": config(dequantize=True)} if config else {}


def _split_digits(tokenizer: "PreTrainedTokenizerBase", gguf: Path) -> None:
    """Split digits before everything else, as SmolLM's own tokenizer does.

    transformers reads every GGUF vocabulary of the GPT-2 family with GPT-2's rule, which takes spaces before a digit
    differently. GGUF names the right rule in `tokenizer.ggml.pre`.
    """
    from tokenizers import pre_tokenizers

    if _pre_tokenizer(gguf) == b"smollm":
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )


def _pre_tokenizer(gguf: Path) -> bytes | None:
    """The value of `tokenizer.ggml.pre`, found directly: a whole reading of the file's header takes seconds.

    A GGUF entry is its key, a 32-bit type (8: string), a 64-bit length and the value, little-endian.
    """
    key = b"tokenizer.ggml.pre"
    with gguf.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = content.find(key) + len(key)
        if start < len(key):
            return None
        kind, length = struct.unpack_from("<IQ", content, start)
        return content[start + 12 : start + 12 + length] if kind == GGUF_STRING else None


def _write_manifest(folder: Path) -> None:
    files = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
        status = path.stat()
        name = path.relative_to(folder).as_posix()
        files[name] = {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": file_sha256(path)}
    (folder / "manifest.json").write_text(json.dumps({"files": files}, indent=1))
