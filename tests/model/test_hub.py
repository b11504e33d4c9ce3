import socket
from pathlib import Path
from typing import NoReturn

import huggingface_hub
import pytest
from httpx2 import Request, Response
from huggingface_hub import constants, errors

from tunegrid.errors import ConfigError

from .conftest import ComposeModel

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is not set offline and resolves every host, so that only the hub's answer decides."""
    monkeypatch.setattr(constants, "is_offline_mode", lambda: False)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [])


def _snapshot(hub_cache: Path, compose_model: ComposeModel, architecture: str) -> None:
    repository = hub_cache / "models--owner--name"
    folder = repository / "snapshots" / COMMIT
    tiny = compose_model("tiny", f"model.architecture={architecture}")
    from tunegrid.model.split_attention import fuse

    fuse(tiny.load("float32")).save_pretrained(folder)
    tiny.load_tokenizer().save_pretrained(folder)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)


@pytest.mark.parametrize("architecture", ["GPT2", "T5"])
def test_a_cached_model_loads_without_a_network(
    architecture: str, hub_cache: Path, compose_model: ComposeModel, capsys: pytest.CaptureFixture[str]
) -> None:
    _snapshot(hub_cache, compose_model, architecture)
    pinned = compose_model("hub", "model.id=owner/name", f"model.revision={COMMIT}")
    assert pinned.is_encoder_decoder == (architecture == "T5")
    capsys.readouterr()
    assert pinned.load_tokenizer()("a")
    names = [name for name, _ in pinned.load("float32").named_parameters()]
    assert any("c_attn.q_proj" in name for name in names) == (architecture == "GPT2")
    assert capsys.readouterr().err == ""
    compose_model("hub", "model.id=owner/name").load("float32")
    assert f"model owner/name: main can move; model.revision={COMMIT} pins what was loaded" in capsys.readouterr().err


def test_known_config_is_checked_against_the_loaded_one(hub_cache: Path, compose_model: ComposeModel) -> None:
    _snapshot(hub_cache, compose_model, "LLAMA")
    model = compose_model("hub", "model.id=owner/name")
    model.known_config = {"model_type": "llama", "hidden_size": 32}
    with pytest.raises(
        ConfigError, match=r"known_config.hidden_size must equal config.json of owner/name@main \(64\), got 32"
    ):
        model.load("float32")


def test_known_config_can_be_switched_off(hub_cache: Path, compose_model: ComposeModel) -> None:
    with pytest.raises(ConfigError, match=r"not in the hub's cache"):
        compose_model("gpt2", "model.known_config=null").config_values()


@pytest.mark.parametrize("option", ["gpt2", "gpt2_medium", "flan_t5_base"])
def test_offline_mode_is_one_line(option: str, hub_cache: Path, compose_model: ComposeModel) -> None:
    message = (
        rf"model {option}: .*@[0-9a-f]{{40}} is not in the hub's cache and HF_HUB_OFFLINE is set; unset it, or .*local"
    )
    with pytest.raises(ConfigError, match=message) as caught:
        compose_model(option).load("float32")
    assert "\n" not in str(caught.value)


def test_no_network_is_said_at_once(
    hub_cache: Path, compose_model: ComposeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown_host(*_: object) -> NoReturn:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(constants, "is_offline_mode", lambda: False)
    monkeypatch.setattr(socket, "getaddrinfo", unknown_host)
    monkeypatch.setattr("tunegrid.model.hub.getproxies", dict)
    with pytest.raises(ConfigError, match=r"huggingface.co can't be reached; run once with a network, or copy"):
        compose_model("hub", "model.id=owner/name").config_values()


@pytest.mark.usefixtures("hub_cache", "online")
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (errors.RepositoryNotFoundError, "the hub has no such public model; check model.id"),
        (errors.RevisionNotFoundError, "the model has no such revision; check model.revision"),
        (errors.GatedRepoError, "its owner asks for an agreement; accept it on the hub"),
    ],
)
def test_the_hubs_refusals(
    error: type[errors.HfHubHTTPError], message: str, compose_model: ComposeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, local_files_only: bool, **__: object) -> NoReturn:
        if local_files_only:
            raise errors.LocalEntryNotFoundError("not cached")
        raise error("404\nwith many lines", response=Response(404, request=Request("GET", "https://hub")))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(ConfigError, match=rf"model owner/name: owner/name@main can't be fetched: {message}"):
        compose_model("hub", "model.id=owner/name").load("float32")


def test_a_dropped_connection(
    hub_cache: Path, online: None, compose_model: ComposeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drop(*_: object, local_files_only: bool, **__: object) -> NoReturn:
        raise errors.LocalEntryNotFoundError("not cached\nand no connection")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", drop)
    with pytest.raises(ConfigError, match=r"can't be fetched: LocalEntryNotFoundError; run once with a network"):
        compose_model("hub", "model.id=owner/name").load_tokenizer()


def test_a_half_fetched_model_is_fetched_again(
    hub_cache: Path, online: None, compose_model: ComposeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    _snapshot(hub_cache, compose_model, "LLAMA")
    weights = hub_cache / "models--owner--name" / "snapshots" / COMMIT / "model.safetensors"
    aside = weights.rename(hub_cache / "aside")
    asked = []

    def fetch(*_: object, local_files_only: bool, **__: object) -> str:
        asked.append(local_files_only)
        if not local_files_only:
            aside.rename(weights)
        return str(weights.parent)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    compose_model("hub", "model.id=owner/name", f"model.revision={COMMIT}").load("float32")
    assert asked == [True, False]
