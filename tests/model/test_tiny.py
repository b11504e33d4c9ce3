import pytest
import torch

from .conftest import ComposeModel

ARCHITECTURES = ["LLAMA", "GPT2", "T5"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_weights_are_the_same_every_time_and_differ_by_seed(architecture: str, compose_model: ComposeModel) -> None:
    option = ("tiny", f"model.architecture={architecture}")
    first = compose_model(*option).load("float32").state_dict()
    torch.manual_seed(7)
    state = torch.get_rng_state()
    again = compose_model(*option).load("float32").state_dict()
    other = compose_model(*option, "model.seed=1").load("float32").state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_bfloat16_is_the_float32_model_rounded(architecture: str, compose_model: ComposeModel) -> None:
    model = compose_model("tiny", f"model.architecture={architecture}")
    exact, rounded = model.load("float32").state_dict(), model.load("bfloat16").state_dict()
    assert all(torch.equal(exact[name].to(torch.bfloat16), rounded[name]) for name in exact)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_generates(architecture: str, compose_model: ComposeModel) -> None:
    model = compose_model("tiny", f"model.architecture={architecture}")
    assert model.is_encoder_decoder == (architecture == "T5")
    tokenizer, loaded = model.load_tokenizer(), model.load("float32")
    answer = loaded.generate(**tokenizer("abc", return_tensors="pt"), max_new_tokens=4, do_sample=False)
    assert answer.shape[1] > 1
    assert not loaded.training


@pytest.mark.parametrize("text", ["", "plain", " two  spaces ", "£ héllo 世界 🙂\n\t\x00", "<notspecial>"])
def test_the_byte_tokenizer_reads_any_text(text: str, compose_model: ComposeModel) -> None:
    tokenizer = compose_model("tiny").load_tokenizer()
    tokens = tokenizer(text)["input_ids"]
    assert len(tokens) == len(text.encode())
    assert tokenizer.decode(tokens, clean_up_tokenization_spaces=False) == text
    assert tokenizer.chat_template is None


def test_marks(compose_model: ComposeModel) -> None:
    causal = compose_model("tiny")
    tokenizer = causal.load_tokenizer()
    assert (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 1, 2)
    assert len(tokenizer) == causal.config_values()["vocab_size"] == 259
    assert tokenizer("a</s>")["input_ids"][-1] == 2
    t5 = compose_model("tiny", "model.architecture=T5").load_tokenizer()
    assert t5("ab")["input_ids"] == [*tokenizer("ab")["input_ids"], 2]


def test_identity_names_every_parameter(compose_model: ComposeModel) -> None:
    overrides = ["architecture=GPT2", "hidden=32", "layers=1", "heads=2", "seed=3"]
    identities = {compose_model("tiny", f"model.{override}").identity() for override in overrides}
    assert len(identities | {compose_model("tiny").identity()}) == 6
    assert compose_model("tiny", "model.name=other").identity() == compose_model("tiny").identity()
