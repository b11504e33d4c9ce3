import json
import random
from pathlib import Path

import pytest
from rouge_score.rouge_scorer import RougeScorer

from tunegrid.errors import ConfigError
from tunegrid.metrics.rouge import Tokenize, rouge_lcs, rouge_n, statistics, tokenize, tokenize_stemmed
from tunegrid.metrics.summarisation import Summarisation

REFERENCE = tokenize("It is cold outside.")


def test_published_example() -> None:
    answer = tokenize("It is very cold outside.")
    assert rouge_n(answer, REFERENCE, 1) == pytest.approx((1.0, 0.8, 0.89), abs=5e-3)
    assert rouge_n(answer, REFERENCE, 2) == pytest.approx((0.67, 0.5, 0.57), abs=5e-3)
    assert rouge_lcs(answer, REFERENCE) == pytest.approx((1.0, 0.8, 0.89), abs=5e-3)  # 4 words in common, in order


def test_counts_are_clipped() -> None:
    assert rouge_n(tokenize("cold cold cold cold"), REFERENCE, 1)[1] == 0.25


WORDS = [
    "the",
    "a",
    "cats",
    "running",
    "runner",
    "generously",
    "42",
    "it's",
    "café",
    "mat.",
    "happily",
    "dogs;",
    "dies",
]
NAMES = ("rouge1", "rouge2", "rougeL", "rougeLsum")


def random_text(choose: random.Random) -> str:
    lines = [" ".join(choose.choices(WORDS, k=choose.randint(0, 9))) for _ in range(choose.randint(1, 3))]
    return "\n".join(lines)


@pytest.mark.parametrize("split", [tokenize, tokenize_stemmed])
def test_equals_rouge_score(split: Tokenize) -> None:
    choose = random.Random(0)
    answers = [random_text(choose) for _ in range(1000)]
    references = [[random_text(choose) for _ in range(choose.randint(1, 3))] for _ in range(1000)]
    ours = statistics(answers, references, NAMES, split)
    scorer = RougeScorer(NAMES, use_stemmer=split is tokenize_stemmed)
    for index, (answer, several) in enumerate(zip(answers, references, strict=True)):
        theirs = scorer.score_multi(several, answer)
        for name in NAMES:
            assert ours[name][index, 0] == pytest.approx(theirs[name].fmeasure, abs=1e-12), (name, answer, several)


@pytest.mark.parametrize("split", [tokenize, tokenize_stemmed])
def test_equals_rouge_score_on_real_summaries(shared: Path, split: Tokenize) -> None:
    """The outputs of BART on half of DialogSum's test set, three references each; sentences are put on lines."""
    folder = shared / "dialogsum"
    outputs, tests = (
        [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]
        for name in ("baseline_bart_outputs_public.jsonl", "test_public.jsonl")
    )
    answers = [record["output"].replace(". ", ".\n") for record in outputs]
    references = [[record[f"summary{k}"].replace(". ", ".\n") for k in (1, 2, 3)] for record in tests]
    ours = statistics(answers, references, NAMES, split)
    scorer = RougeScorer(NAMES, use_stemmer=split is tokenize_stemmed)
    for index, (answer, several) in enumerate(zip(answers, references, strict=True)):
        theirs = scorer.score_multi(several, answer)
        for name in NAMES:
            assert ours[name][index, 0] == pytest.approx(theirs[name].fmeasure, abs=1e-12), (name, index)


def test_the_best_reference_counts() -> None:
    rows = statistics(["a b c"], [["x y", "a b c", "a"]], NAMES)
    assert [rows[name][0, 0] for name in NAMES] == [1.0] * 4


def summaries(stemmed: bool) -> Summarisation:
    return Summarisation(stemmed=stemmed, encoder=None, encoder_layer=None)


def test_summaries_need_their_stemmer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [score.name for score in summaries(stemmed=True).score(["a"], [["a"]])] == list(NAMES)
    monkeypatch.setattr("tunegrid.metrics.summarisation.find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=r"needs the package nltk; pip install 'tunegrid\[rouge\]', or metrics.stemmed"
    ):
        summaries(stemmed=True)
    assert summaries(stemmed=False).score(["a"], [["a"]])
