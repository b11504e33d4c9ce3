import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, T5Config, T5ForConditionalGeneration

from tunegrid.errors import ConfigError
from tunegrid.model.cache import content_hash

from .conftest import ComposeModel


@pytest.fixture
def folder(tmp_path: Path, compose_model: ComposeModel) -> Path:
    """A small Llama saved as a model folder."""
    tiny = compose_model("tiny", "model.layers=1")
    tiny.load("float32").save_pretrained(tmp_path / "model")
    tiny.load_tokenizer().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_greedy_continuation_equals_transformers_own(stories: Path, compose_model: ComposeModel) -> None:
    model = compose_model("local", f"model.path={stories}")
    tokenizer = model.load_tokenizer()
    prompt = tokenizer("Once upon a time", return_tensors="pt")
    ours = model.load("float32").generate(**prompt, max_new_tokens=40, do_sample=False)
    theirs = AutoModelForCausalLM.from_pretrained(stories).generate(**prompt, max_new_tokens=40, do_sample=False)
    assert torch.equal(ours, theirs)
    assert "there was a little" in tokenizer.decode(ours[0])
    assert tokenizer.pad_token_id is not None


def test_both_precisions(folder: Path, compose_model: ComposeModel) -> None:
    model = compose_model("local", f"model.path={folder}")
    exact, rounded = model.load("float32").state_dict(), model.load("bfloat16").state_dict()
    assert all(torch.equal(exact[name].to(torch.bfloat16), rounded[name]) for name in exact)
    with pytest.raises(
        ConfigError, match=r"unknown precision 'float16'; did you mean \w*float\w*; known: bfloat16, float32"
    ):
        model.load("float16")


def test_a_tokenizer_without_padding_pads_with_its_end_of_text(folder: Path, compose_model: ComposeModel) -> None:
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    model = compose_model("local", f"model.path={folder}")
    del settings["pad_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    assert model.load_tokenizer().pad_token == "</s>"
    del settings["eos_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(
        ConfigError, match=r"model model: the tokenizer has neither pad_token nor eos_token; set eos_token"
    ):
        model.load_tokenizer()


def test_an_encoder_decoder_with_its_own_head(tmp_path: Path, compose_model: ComposeModel) -> None:
    """T5 1.1 and FLAN-T5: transformers ties the head in a new model, but not where the weights differ."""
    sizes = {"vocab_size": 259, "d_model": 16, "d_kv": 4, "d_ff": 32, "num_layers": 1, "num_heads": 4}
    whole = T5ForConditionalGeneration(T5Config(**sizes, feed_forward_proj="gated-gelu"))
    whole.save_pretrained(tmp_path)
    compose_model("tiny", "model.architecture=T5").load_tokenizer().save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    save_file(weights | {"lm_head.weight": torch.randn(259, 16)}, tmp_path / "model.safetensors", {"format": "pt"})
    config = json.loads((tmp_path / "config.json").read_text()) | {"tie_word_embeddings": False}
    del config["scale_decoder_outputs"]  # as in FLAN-T5's config.json
    (tmp_path / "config.json").write_text(json.dumps(config))

    from tunegrid.model.count import parameter_count, shapes

    model = compose_model("local", f"model.path={tmp_path}")
    loaded = model.load("float32")
    assert model.is_encoder_decoder
    assert loaded.lm_head.weight is not loaded.shared.weight
    assert parameter_count(shapes(model)) == sum(weight.numel() for weight in loaded.parameters())
    assert {weight.dtype for weight in model.load("bfloat16").parameters()} == {torch.bfloat16}


def test_identity_is_of_the_content(folder: Path, tmp_path: Path, compose_model: ComposeModel) -> None:
    original = compose_model("local", f"model.path={folder}").identity()
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "README.md").write_text("notes")
    copy = compose_model("local", f"model.path={tmp_path / 'copy'}")
    assert copy.identity() == original
    _edit_weights(tmp_path / "copy", lambda weights: {name: weight + 1 for name, weight in weights.items()})
    assert copy.identity() != original


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_identity_covers_config_and_tokenizer(name: str, folder: Path, compose_model: ComposeModel) -> None:
    model = compose_model("local", f"model.path={folder}")
    before = model.identity()
    (folder / name).write_text((folder / name).read_text() + "\n")
    assert model.identity() != before


def test_content_hash_sees_every_change(tmp_path: Path, own_cache: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    first = content_hash(file)
    assert content_hash(file) == first == "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    file.write_bytes(b"two")
    assert content_hash(file) != first
    next((own_cache / "hashes").iterdir()).write_text("{broken")
    file.write_bytes(b"one")
    assert content_hash(file) == first


def test_pickled_weights_are_refused(folder: Path, compose_model: ComposeModel) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(
        ConfigError, match=r"holds pickled weights \(pytorch_model.bin\).*never read; save it as safetensors"
    ):
        compose_model("local", f"model.path={folder}")


def test_a_folder_that_brings_code_is_refused(folder: Path, compose_model: ComposeModel) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Evil", "AutoModelForCausalLM": "evil.Evil"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text("raise SystemExit('ran')")
    model = compose_model("local", f"model.path={folder}")
    with pytest.raises(ConfigError, match=r"no architecture 'evil', and code that comes with a model is never run"):
        model.load("float32")
    with pytest.raises(ConfigError, match=r"tokenizer"):
        (folder / "tokenizer.json").write_text("{")
        model.load_tokenizer()


def _cut(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def _edit_weights(folder: Path, edit: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    save_file(edit(load_file(folder / "model.safetensors")), folder / "model.safetensors", {"format": "pt"})


def _drop_one(folder: Path) -> None:
    name = "model.layers.0.mlp.up_proj.weight"
    _edit_weights(folder, lambda weights: {key: value for key, value in weights.items() if key != name})


def _another_shape(folder: Path) -> None:
    _edit_weights(folder, lambda weights: weights | {"model.norm.weight": torch.ones(8)})


def _no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cut, "model model: .*can't be loaded: "),
        (_drop_one, "lacks 1 weights that its config.json asks for, first model.layers.0.mlp.up_proj.weight"),
        (_another_shape, "model model: .*can't be loaded: .*"),
        (_no_tokenizer, "no tokenizer .*copy the model's tokenizer files"),
    ],
)
def test_damaged_folders(
    damage: Callable[[Path], None], message: str, folder: Path, compose_model: ComposeModel
) -> None:
    damage(folder)
    model = compose_model("local", f"model.path={folder}")
    with pytest.raises(ConfigError, match=message) as caught:
        model.load("float32")
        model.load_tokenizer()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", "{", "config.json: Expecting property name"),
        ("config.json", "{}", "config.json: model_type must name a transformers architecture"),
        ("config.json", None, "config.json: not found; a model folder holds"),
        ("model.safetensors", None, "no model.safetensors; a model folder holds"),
        ("model.safetensors.index.json", '{"weight_map": {"a": "model-1-of-2.safetensors"}}', "missing shard"),
        ("model.safetensors.index.json", "[]", "no weight_map"),
    ],
)
def test_bad_folders_are_refused_with_the_config(
    name: str, content: str | None, message: str, folder: Path, compose_model: ComposeModel
) -> None:
    if name.endswith("index.json"):
        (folder / "model.safetensors").unlink()
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content)
    with pytest.raises(ConfigError, match=message):
        compose_model("local", f"model.path={folder}")


def test_no_folder(compose_model: ComposeModel) -> None:
    with pytest.raises(
        ConfigError, match=r"model.path must be a folder that exists, got /no/such; give the model's folder"
    ):
        compose_model("local", "model.path=/no/such")
