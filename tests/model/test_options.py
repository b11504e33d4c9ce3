import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf.errors import OmegaConfBaseException

from tunegrid.errors import ConfigError

from .conftest import REPOSITORY, ComposeModel

NEEDS = {
    "hub": ["model.id=owner/name"],
    "embedded": ["model.package=none_such", "model.file=x.gguf", "model.fallback.id=owner/name"],
}
OWN = ("local", "cell")
"""What only its owner has."""
OPTIONS = sorted(path.stem for path in (REPOSITORY / "conf" / "model").glob("*.yaml") if path.stem not in OWN)


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_composes_and_has_an_identity(option: str, compose_model: ComposeModel, own_cache: Path) -> None:
    model = compose_model(option, *NEEDS.get(option, []))
    assert model.name
    assert model.identity()


@pytest.mark.parametrize(("option", "key"), [("hub", "id"), ("local", "path"), ("embedded", "package")])
def test_a_missing_value_is_named(option: str, key: str, compose_model: ComposeModel) -> None:
    with pytest.raises(OmegaConfBaseException, match=rf"Missing mandatory value: model\.{key}"):
        compose_model(option)


def test_names_of_hub_and_local_models_follow_id_and_folder(compose_model: ComposeModel, stories: Path) -> None:
    assert compose_model("hub", "model.id=owner/thing").name == "owner/thing"
    assert compose_model("local", f"model.path={stories}").name == "stories260K-hf"
    assert compose_model("local", f"model.path={stories}", "model.name=mine").name == "mine"


def test_identity_and_counts_import_no_torch(own_cache: Path) -> None:
    program = """
import sys
from tunegrid.model.count import adapted, lora_count, parameter_count, shapes
from tunegrid.model.activations import Stream
from tunegrid.model.memory import Workload, training_memory
from tunegrid.model.tiny import Architecture, Tiny
import tunegrid.model.embedded, tunegrid.model.local
model = Tiny(name="t", architecture=Architecture.LLAMA, hidden=64, layers=2, heads=4, seed=0)
modules = shapes(model)
model.identity(), model.is_encoder_decoder, lora_count(adapted(modules, ["query"]), 4)
training_memory(model.config_values(), modules, "float32", Workload(Stream(10, 1, 10), None, 5), [])
print("torch" in sys.modules or "transformers" in sys.modules)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.hidden=8", "model.hidden must be at least 16, got 8"),
        ("model.hidden=20", r"model.hidden must be a multiple of twice model.heads \(8\).*got 20"),
        ("model.layers=0", "model.layers must be at least 1, got 0"),
        ("model.heads=0", "model.heads must be at least 1, got 0"),
        ("model.seed=-1", "model.seed must be at least 0, got -1"),
    ],
)
def test_a_bad_value_of_tiny_is_refused(override: str, message: str, compose_model: ComposeModel) -> None:
    with pytest.raises(ConfigError, match=message):
        compose_model("tiny", override)


@pytest.mark.parametrize(
    ("option", "overrides", "message"),
    [
        ("hub", ["model.id=a b/c"], "model.id must be a hub id"),
        ("hub", ["model.id=a/b", "model.revision=x y"], "model.revision must be a commit, tag or branch"),
        ("smollm2_135m", ["model.package=a.b"], "model.package must be a top-level package name, got a.b"),
        ("smollm2_135m", ["model.file=../x"], "model.file must be a file name without folders"),
    ],
)
def test_a_bad_source_is_refused(option: str, overrides: list[str], message: str, compose_model: ComposeModel) -> None:
    with pytest.raises(ConfigError, match=message):
        compose_model(option, *overrides)
