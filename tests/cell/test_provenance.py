from importlib import metadata
from pathlib import Path

import pytest

from tunegrid.cell.provenance import commit, versions


def test_the_commit_and_the_versions_are_those_of_git_and_pip_and_asked_for_once(monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []

    def git(root: Path, *words: str) -> str:
        asked.append(words[0])
        return "0123abc" if words[0] == "rev-parse" else " M src/tunegrid/run.py"

    monkeypatch.setattr("tunegrid.cell.provenance._git", git)
    monkeypatch.setattr("pathlib.Path.exists", lambda path: True)
    commit.cache_clear()
    assert [commit(), commit()] == ["0123abc+changes"] * 2 and asked == ["rev-parse", "status"]
    commit.cache_clear()
    assert versions()["torch"] == metadata.version("torch") and versions() is versions()
