"""What every test shares: no network, no user folders, real data only where it is at hand."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data that lies beside some checkouts; it is never part of the repository."""
    if not SHARED.is_dir():
        pytest.skip("real data is not at hand: no ../shared/data beside this checkout")
    return SHARED


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep caches out of the user's home."""
    monkeypatch.setenv("TUNEGRID_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
