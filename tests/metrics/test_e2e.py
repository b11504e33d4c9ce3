"""Against the official E2E scorer: to the printed digits (Perl), to 1e-9 where it was recorded unrounded."""

import json
import time
from pathlib import Path

import pytest

from tunegrid.errors import DataError
from tunegrid.metrics import Score, Unavailable
from tunegrid.metrics.combine import corpus_value
from tunegrid.metrics.e2e import E2e, Mteval
from tunegrid.metrics.files import read_predictions, read_references

PRINTED, UNROUNDED = 5.001e-5, 1e-9
SYSTEMS = ("tgen", "tuda", "adapt")


def values(answers: list[str], references: list[list[str]], mteval: Mteval, meteor: bool = False) -> dict[str, float]:
    scores = E2e(mteval=mteval, meteor=meteor).score(answers, references)
    return {score.name: corpus_value(score) for score in scores if isinstance(score, Score)}


def load(folder: Path, record: dict[str, str]) -> tuple[list[str], list[list[str]]]:
    answers = read_predictions(folder / record["hypothesis"])
    return answers, read_references(folder / record["references"], len(answers))


def assert_close(ours: dict[str, float], official: dict[str, float], tolerance: float) -> None:
    compared = [name for name in official if name in ours]
    assert compared
    for name in compared:
        assert ours[name] == pytest.approx(official[name], abs=tolerance), name


@pytest.mark.parametrize("split", ["test_public", "test_public50"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_systems_score_as_the_official_scorer_says(e2e_data: Path, system: str, split: str) -> None:
    record = json.loads((e2e_data / "official_scores.json").read_text(encoding="utf-8"))[system][split]
    answers, references = load(e2e_data, record)

    perl = values(answers, references, Mteval.perl)
    assert_close(perl, record["official_perl"], PRINTED)
    assert_close(perl, record["unrounded"], UNROUNDED)
    assert_close(values(answers, references, Mteval.python), record["python_flag_-p"], UNROUNDED)


def test_the_two_implementations_differ_in_nist(e2e_data: Path) -> None:
    record = json.loads((e2e_data / "official_scores.json").read_text(encoding="utf-8"))["tgen"]["test_public50"]
    answers, references = load(e2e_data, record)
    perl, python = (values(answers, references, mteval) for mteval in Mteval)
    assert perl["BLEU"] == pytest.approx(python["BLEU"], abs=1e-12)
    assert python["NIST"] - perl["NIST"] > 1


@pytest.mark.parametrize("system", SYSTEMS)
def test_meteor_of_systems(e2e_data: Path, jar_folder: Path, system: str) -> None:
    record = json.loads((e2e_data / "official_scores.json").read_text(encoding="utf-8"))[system]["test_public50"]
    ours = values(*load(e2e_data, record), Mteval.perl, meteor=True)
    assert ours["METEOR"] == pytest.approx(record["unrounded"]["METEOR"], abs=UNROUNDED)


def test_the_scorers_own_example(e2e_data: Path) -> None:
    folder = e2e_data / "example10"
    record = json.loads((folder / "official_scores.json").read_text(encoding="utf-8"))
    assert_close(values(*load(folder, record), Mteval.perl), record["official_perl"], PRINTED)


@pytest.mark.parametrize(
    "case",
    [
        "perfect",
        "single_segment_single_ref",
        "uneven_reference_counts",
        "punctuation_currency_hyphen",
        "case_difference",
    ],
)
def test_edge_cases(e2e_data: Path, jar_folder: Path, case: str) -> None:
    record = json.loads((e2e_data / "edge_cases.json").read_text(encoding="utf-8"))[case]
    answers, references = record["hypotheses"], record["references"]

    perl = values(answers, references, Mteval.perl, meteor=True)
    assert_close(perl, record["perl"], PRINTED)
    assert_close(perl, {name: record[name] for name in ("METEOR", "ROUGE_L", "CIDEr")}, UNROUNDED)
    assert_close(values(answers, references, Mteval.python), record["pymteval"], UNROUNDED)


@pytest.mark.parametrize(
    "seed", ["1", pytest.param("2", marks=pytest.mark.slow), pytest.param("5", marks=pytest.mark.slow)]
)
def test_recorded_seeds(e2e_data: Path, seed: str) -> None:
    record = json.loads((e2e_data / "seeds" / "aggregate_1_to_5.json").read_text(encoding="utf-8"))["rescored"][seed]
    answers = read_predictions(next((e2e_data / "seeds" / f"seed{seed}").glob("predictions.*")))
    ours = values(answers, read_references(e2e_data / "dev.multi-ref.txt", len(answers)), Mteval.perl)

    names = {"bleu": "BLEU", "nist": "NIST", "cider": "CIDEr", "rouge": "ROUGE_L"}
    official = {ours_name: record["rescored_here"][theirs] for theirs, ours_name in names.items()}
    assert_close(ours, official, PRINTED)
    assert_close(ours, {name: official[name] for name in ("CIDEr", "ROUGE_L")}, UNROUNDED)


def test_segments(e2e_data: Path, jar_folder: Path) -> None:
    official = json.loads((e2e_data / "segments_tgen_even50.json").read_text(encoding="utf-8"))
    answers = read_predictions(e2e_data / "systems" / "tgen.50.txt")
    references = read_references(e2e_data / "test_public50.multi-ref.txt", len(answers))

    whole = {score.name: score for score in E2e(mteval=Mteval.perl, meteor=True).score(answers, references)}
    for index, (answer, several, record) in enumerate(zip(answers, references, official, strict=True)):
        for name in ("METEOR", "ROUGE_L", "CIDEr"):
            segment = Score(name, whole[name].statistics[index : index + 1])
            assert corpus_value(segment) == pytest.approx(record[name], abs=UNROUNDED), (index, name)
        # The scorer computes a segment's BLEU and NIST with `-p`'s code as if it were the whole set.
        alone = values([answer], [several], Mteval.python)
        assert_close({name: alone[name] for name in ("BLEU", "NIST")}, record, UNROUNDED)


def test_meteor_switched_off_says_so() -> None:
    scores = E2e(mteval=Mteval.perl, meteor=False).score(["a b"], [["a b"]])
    assert Unavailable("METEOR", "switched off by metrics.meteor=false") in scores
    assert [score.name for score in scores] == ["BLEU", "NIST", "METEOR", "ROUGE_L", "CIDEr"]


@pytest.mark.parametrize("mteval", list(Mteval))
def test_empty_answers_score_zero(mteval: Mteval) -> None:
    scores = values(["", ""], [["a cheap pub"], ["a dear pub", "an inn"]], mteval)
    assert scores == pytest.approx({"BLEU": 0, "NIST": 0, "ROUGE_L": 0, "CIDEr": 0}, abs=1e-8)


def test_mismatches_are_refused() -> None:
    metrics = E2e(mteval=Mteval.perl, meteor=False)
    with pytest.raises(DataError, match="1 answers but references for 2 instances"):
        metrics.score(["a"], [["a"], ["b"]])
    with pytest.raises(DataError, match="instance 2 has no reference"):
        metrics.score(["a", "b"], [["a"], []])
    with pytest.raises(DataError, match="no answers"):
        metrics.score([], [])


def test_630_instances_with_8_references_take_at_most_3_seconds() -> None:
    text = "the cheap pub near café Rouge serves Italian food by a river with high ratings 5 out of £20-25"
    words = text.split(" ")
    answers = [f"{' '.join(words[index % 7 :])} n{index}." for index in range(630)]
    references = [[f"{' '.join(words[k:] + words[:k])} n{index} k{k}" for k in range(8)] for index in range(630)]
    started = time.process_time()
    E2e(mteval=Mteval.perl, meteor=False).score(answers, references)
    assert time.process_time() - started < 3
