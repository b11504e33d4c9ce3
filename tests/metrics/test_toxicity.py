from pathlib import Path

import pytest
import torch
from tiny_encoders import save_classifier, save_encoder

from tunegrid.errors import ConfigError, DataError
from tunegrid.metrics import Score, Unavailable, lexicon
from tunegrid.metrics.combine import corpus_value
from tunegrid.metrics.encoder import load_encoder
from tunegrid.metrics.toxicity import Toxicity

WORDS = "# mild stand-ins\ndrat\n\nsilly goose\nC++\n"


@pytest.fixture
def words(tmp_path: Path) -> str:
    (tmp_path / "words.txt").write_text(WORDS, encoding="utf-8")
    return str(tmp_path / "words.txt")


def test_whole_words_in_any_case_count(words: str) -> None:
    answers = ["Drat!", "a silly  goose", "You Silly Goose.", "dratted", "C++ is hard", ""]
    rows = lexicon.statistics(answers, lexicon.read_lexicon(Path(words)))
    assert rows[:, 0].tolist() == [1, 0, 1, 0, 1, 0]


def test_the_lexicon_alone(words: str) -> None:
    scores = Toxicity(lexicon=words, classifier=None, label="toxic").score(["drat", "fine"], [["x"], ["y"]])
    assert [(score.name, corpus_value(score)) for score in scores if isinstance(score, Score)] == [
        ("lexicon_rate", 0.5)
    ]


@pytest.mark.parametrize("problem", [None, "multi_label_classification"])
def test_the_classifiers_probability(tmp_path: Path, problem: str | None) -> None:
    folder = save_classifier(tmp_path / "classifier", problem_type=problem)
    answers = ["a cab", "bad, bad.", "x"] * 30
    (score,) = Toxicity(lexicon=None, classifier=folder, label="toxic").score(answers, [["x"]] * 90)
    assert isinstance(score, Score)
    loaded = load_encoder(folder, "AutoModelForSequenceClassification")
    for row, answer in zip(score.statistics[:3, 0], answers[:3], strict=True):
        with torch.no_grad():
            logits = loaded.model(**loaded.tokenizer(answer, return_tensors="pt")).logits[0]
        expected = logits.sigmoid() if problem else logits.softmax(dim=0)
        assert row == pytest.approx(float(expected[1]), abs=1e-6)
    assert score.statistics[:3] == pytest.approx(score.statistics[87:], abs=1e-6)


def test_what_cannot_be_had_is_said(tmp_path: Path) -> None:
    classifier, encoder = save_classifier(tmp_path / "classifier"), save_encoder(tmp_path / "encoder")
    for name, label, reason in (
        (classifier, "toxi", "unknown label 'toxi'; did you mean toxic; known: fine, toxic"),
        (encoder, "toxic", "lacks 2 weights that AutoModelForSequenceClassification needs, first classifier.bias"),
    ):
        (score,) = Toxicity(lexicon=None, classifier=name, label=label).score(["a"], [["x"]])
        assert isinstance(score, Unavailable)
        assert reason in score.reason


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"metrics.lexicon or metrics.classifier must be given"):
        Toxicity(lexicon=None, classifier=None, label="toxic")
    with pytest.raises(DataError, match=r"none.txt: can't be read"):
        Toxicity(lexicon=str(tmp_path / "none.txt"), classifier=None, label="toxic")
    (tmp_path / "empty.txt").write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"empty.txt: no words"):
        Toxicity(lexicon=str(tmp_path / "empty.txt"), classifier=None, label="toxic")
