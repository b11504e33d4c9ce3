from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import compose, initialize_config_module

from tunegrid.config import register_components, resolve
from tunegrid.data import Data
from tunegrid.prompt import Prompt


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = Path(__file__).parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real data are not beside the repository: {folder.name}/ is missing")
    return folder


@pytest.fixture(scope="session")
def e2e_folder(shared_data: Path) -> Path:
    return shared_data / "e2e_nlg"


@pytest.fixture(scope="session")
def make_data() -> Callable[..., Data]:
    """`make_data("jsonl", "data.path=…")`: the component of a shipped option."""

    def make(option: str, *overrides: str) -> Data:
        return _component("data", option, overrides)

    return make


@pytest.fixture
def make_prompt() -> Callable[..., Prompt]:
    def make(option: str, *overrides: str) -> Prompt:
        return _component("prompt", option, overrides)

    return make


def _component(group: str, option: str, overrides: tuple[str, ...]):
    register_components()
    with initialize_config_module("tunegrid.conf", version_base="1.3"):
        return resolve(compose(overrides=[f"+{group}={option}", *overrides])[group])
