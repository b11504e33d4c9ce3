import json
from pathlib import Path

import pytest

from tunegrid.errors import ConfigError, DataError
from tunegrid.search.study import Stop, Study

SETTINGS = {"ranges": {"method.rank": "1 … 8, integer"}, "seed": 0}


def test_a_study_is_read_as_it_was_written(tmp_path: Path):
    study = Study.read(tmp_path / "demo" / "study.json", SETTINGS)
    study.add_batch([({"method.rank": 3}, "a" * 16), ({"method.rank": 8}, "b" * 16)])
    study.add_batch([({"method.rank": 3}, "a" * 16)])
    study.stop(0, "a" * 16, Stop(20, 1.5))
    again = Study.read(study.path, SETTINGS)
    assert again.trials == study.trials and again.batches == 2
    assert [trial.stopped for trial in again.trials] == [Stop(20, 1.5), None, None]
    assert [trial.number for trial in again.batch(1)] == [2]


def test_a_withdrawn_batch_leaves_nothing_where_it_was_the_first(tmp_path: Path):
    study = Study.read(tmp_path / "outputs" / "demo" / "study.json", SETTINGS)
    study.add_batch([({"method.rank": 3}, "a" * 16)])
    study.add_batch([({"method.rank": 4}, "b" * 16)])
    study.withdraw(1)
    assert Study.read(study.path, SETTINGS).trials == study.trials[:1]
    study.withdraw(0)
    assert list(tmp_path.iterdir()) == []


def test_other_settings_are_refused(tmp_path: Path):
    study = Study.read(tmp_path / "study.json", SETTINGS)
    study.add_batch([({"method.rank": 3}, "a" * 16)])
    with pytest.raises(ConfigError, match=r"study.json: the search was begun with seed 0, not 1; keep .* name=OTHER"):
        Study.read(study.path, {**SETTINGS, "seed": 1})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not a study of this tunegrid"),
        ("[]", "not a study of this tunegrid"),
        ('{"version": 9}', "version 9, this tunegrid reads version 1"),
        (json.dumps({"version": 1, "settings": {}, "trials": [{"number": 0}]}), "not a study of this tunegrid"),
    ],
)
def test_another_file_is_refused(content: str, message: str, tmp_path: Path):
    path = tmp_path / "study.json"
    path.write_text(content)
    with pytest.raises(DataError, match=f"study.json: .*{message}.*; remove it to search anew"):
        Study.read(path, SETTINGS)
