import hashlib
import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import jsonschema
import pytest
from cell.made_cells import cell, complete, finished

from tunegrid.cell.result import Abilities, FileDigest, Forgetting, Result, ScoreValue, Status
from tunegrid.cell.schema import result_schema
from tunegrid.errors import DamagedError, DataError


def test_a_result_is_read_back_and_what_is_not_finite_is_null(tmp_path: Path):
    own = cell(tmp_path)
    scores = {
        "BLEU": ScoreValue(value=0.5, low=0.4, high=None),
        "val_loss": ScoreValue(value=math.inf, low=None, high=None),
    }
    made = finished(own)
    assert made.error is not None
    result = replace(made, scores=scores, error=replace(made.error, exit_status=-9, log=("a", "b"), rows=(3,)))
    own.write_result(result)
    stored = json.loads(own.path("result.json").read_text())
    assert stored["version"] == 4 and stored["status"] == "done" and stored["scores"]["val_loss"]["value"] is None
    read = own.result()
    assert read is not None and read.scores["BLEU"] == scores["BLEU"] and math.isnan(read.scores["val_loss"].value)
    assert (read.cost, read.error, read.config) == (result.cost, result.error, result.config)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"version": 4}', '{"version": 3, "sha256": "0"}', '{"a": NaN}'])
def test_what_is_not_a_result_is_damaged(text: str, tmp_path: Path):
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(DamagedError, match=r"result.json: not as it was written \(.*\); the sweep runs the cell again"):
        Result.read(tmp_path / "result.json")


@pytest.mark.parametrize("spoil", [lambda text: text.replace("1e-05", "1E-05"), str.rstrip, lambda text: text + " "])
def test_a_result_is_read_to_the_byte(spoil, tmp_path: Path):
    path = complete(tmp_path).path("result.json")
    path.write_text(spoil(path.read_text()))
    with pytest.raises(DamagedError, match="its text is another"):
        Result.read(path)


@pytest.mark.parametrize("text", ['{"version": 2, "id": "x"}', '{"version": 5}'])
def test_a_result_of_another_version_names_the_way_out(text: str, tmp_path: Path):
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(
        DataError, match=r"result.json: its shape is of version \d, .* reads 3 and 4; force=true runs the cell anew"
    ):
        Result.read(tmp_path / "result.json")


def test_a_version_that_does_not_belong_is_damage(tmp_path: Path):
    path = complete(tmp_path).path("result.json")
    path.write_text(path.read_text().replace('"version": 4', '"version": 5'))
    with pytest.raises(DamagedError, match="its sha256 is another"):
        Result.read(path)


def test_a_result_from_before_forgetting_was_measured_is_read_to_the_byte(tmp_path: Path):
    own = complete(tmp_path)
    result, path = own.result(), own.path("result.json")
    assert result is not None
    path.write_text(result.to_json(version=3))
    older = json.loads(path.read_text())
    assert older["version"] == 3 and "forgetting" not in older and "forgetting_s" not in older["cost"]
    assert own.result() == result
    path.write_text(path.read_text() + " ")
    with pytest.raises(DamagedError, match="its text is another"):
        Result.read(path)


def test_what_was_forgotten_is_read_back(tmp_path: Path):
    own = cell(tmp_path)
    lost = ScoreValue(value=math.inf, low=None, high=None)
    after = Abilities(perplexity=lost, accuracy=SCORE, tasks={"facts": SCORE})
    forgetting = Forgetting(before=replace(after, perplexity=SCORE), after=after)
    own.write_result(replace(finished(own), forgetting=forgetting))
    VALIDATOR.validate(json.loads(own.path("result.json").read_text()))
    read = own.result()
    assert read is not None and read.forgetting is not None
    assert read.forgetting.before == forgetting.before and read.forgetting.after.tasks == after.tasks
    assert math.isnan(read.forgetting.after.perplexity.value)


SCORE = ScoreValue(value=0.5, low=0.25, high=0.75)
VALIDATOR = jsonschema.Draft202012Validator(result_schema())


@pytest.mark.parametrize("status", [status for status in Status if status not in (Status.PENDING, Status.DAMAGED)])
def test_results_fit_the_published_schema(status: Status, tmp_path: Path):
    jsonschema.Draft202012Validator.check_schema(result_schema())
    written = json.loads(complete(tmp_path, status).path("result.json").read_text())
    VALIDATOR.validate(written)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", 1),
        ("status", "damaged"),
        ("cost", {}),
        ("colour", "red"),
        ("files", {"config.yaml": {"size_bytes": 1, "sha256": "0"}}),
        ("error", {"kind": "x", "message": "y", "exit_status": "z", "log": [], "rows": []}),
    ],
)
def test_the_schema_refuses_what_no_run_writes(key: str, value: object, tmp_path: Path):
    written = json.loads(complete(tmp_path).path("result.json").read_text())
    assert not VALIDATOR.is_valid({**written, key: value})
    assert not VALIDATOR.is_valid({name: entry for name, entry in written.items() if name != "sha256"})


def test_every_file_is_named_with_its_size_and_digest(tmp_path: Path):
    own = complete(tmp_path)
    result = own.result()
    assert result is not None and sorted(result.files) == [
        "adapter/adapter_config.json",
        "adapter/adapter_model.safetensors",
        "answers.jsonl",
        "config.yaml",
        "metrics.jsonl",
        "samples.json",
    ]
    for name, digest in result.files.items():
        content = own.path(name).read_bytes()
        assert asdict(digest) == {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert FileDigest(**asdict(result.files["config.yaml"])) == result.files["config.yaml"]
