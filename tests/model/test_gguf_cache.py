import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from tunegrid.errors import ConfigError
from tunegrid.model.gguf_cache import converted, intact
from tunegrid.model.pretrained import load_tokenizer, load_weights

TOKENS = torch.arange(20).reshape(2, 10) * 11 % 250


def test_weights_equal_those_of_the_gguf_file(tiny_gguf: Path, own_cache: Path) -> None:
    folder = converted(tiny_gguf)
    direct = AutoModelForCausalLM.from_pretrained(tiny_gguf.parent, gguf_file=tiny_gguf.name, dtype=torch.float32)
    ours = load_weights(folder / "float32", "float32", "tiny")
    assert torch.equal(ours(TOKENS).logits, direct(TOKENS).logits)
    rounded = load_weights(folder / "bfloat16", "bfloat16", "tiny").state_dict()
    assert all(torch.equal(weight.to(torch.bfloat16), rounded[name]) for name, weight in direct.state_dict().items())


def test_config_and_tokenizer_survive(tiny_gguf: Path, own_cache: Path) -> None:
    folder = converted(tiny_gguf) / "float32"
    config = json.loads((folder / "config.json").read_text())
    assert "quantization_config" not in config
    assert config["num_key_value_heads"] == 2
    tokenizer = load_tokenizer(folder, "tiny")
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|im_end|>")
    assert tokenizer.model_max_length == 64
    chat = tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False)
    assert chat == "<|im_start|>hi<|im_end|>"
    assert tokenizer(chat)["input_ids"][0] == 1


def test_digits_are_split_off_first_as_smollm_does(tiny_gguf: Path, own_cache: Path) -> None:
    tokenizer = load_tokenizer(converted(tiny_gguf) / "float32", "tiny")
    assert tokenizer.tokenize("a  12") == ["a", "ĠĠ", "1", "2"]


def test_the_second_use_reads_the_cache(tiny_gguf: Path, own_cache: Path) -> None:
    folder = converted(tiny_gguf)
    stamp = (folder / "manifest.json").stat().st_mtime_ns
    assert converted(tiny_gguf) == folder
    assert (folder / "manifest.json").stat().st_mtime_ns == stamp
    assert {path.name for path in folder.parent.iterdir()} <= {folder.name, f"{folder.name}.lock"}


@pytest.mark.parametrize("damage", ["cut short", "one byte changed", "deleted", "manifest broken", "foreign time"])
def test_a_damaged_cache_is_made_again(damage: str, tiny_gguf: Path, own_cache: Path) -> None:
    folder = converted(tiny_gguf)
    weights = folder / "float32" / "model.safetensors"
    good, manifest = weights.read_bytes(), folder / "manifest.json"
    if damage == "cut short":
        weights.write_bytes(good[:-1])
    elif damage == "one byte changed":
        weights.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    elif damage == "deleted":
        (folder / "bfloat16" / "tokenizer.json").unlink()
    elif damage == "manifest broken":
        manifest.write_text(manifest.read_text()[:-5])
    else:  # a copied cache: other times, same content, nothing to make again
        os.utime(weights, ns=(0, 0))
    assert intact(folder) == (damage == "foreign time")
    converted(tiny_gguf)
    assert weights.read_bytes() == good
    assert intact(folder)


def test_leftovers_of_a_killed_process_are_removed(tiny_gguf: Path, own_cache: Path) -> None:
    folder = converted(tiny_gguf)
    (folder / "manifest.json").unlink()
    leftover = folder.with_name(f"{folder.name}.99999.tmp")
    leftover.mkdir()
    converted(tiny_gguf)
    assert not leftover.exists()


def test_two_processes_at_once_convert_once(tiny_gguf: Path, own_cache: Path) -> None:
    program = """
import sys
from pathlib import Path
from tunegrid.model.gguf_cache import converted, intact
folder = converted(Path(sys.argv[1]))
print(intact(folder), (folder / "manifest.json").stat().st_mtime_ns)
"""
    command = [sys.executable, "-c", program, str(tiny_gguf)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    results = [process.communicate(timeout=120) for process in started]
    answers = {out.strip() for out, _ in results}
    assert len(answers) == 1, results
    assert answers.pop().startswith("True ")
    assert sum("Reading tiny.gguf once" in err for _, err in results) == 1


def test_an_unusable_cache_folder_is_named(tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("TUNEGRID_CACHE", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match=r"model cache .*Not a directory; free 1 GB there or set TUNEGRID_CACHE"):
        converted(tiny_gguf)


def test_a_broken_gguf_file_is_named(tmp_path: Path, own_cache: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(40))
    with pytest.raises(ConfigError, match=r"broken.gguf can't be read.*install the package again"):
        converted(broken)
    assert not any(path.suffix == ".tmp" for path in (own_cache / "models").iterdir())
