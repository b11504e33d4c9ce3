import pytest

from tunegrid.metrics.rouge_l import rouge_l, statistics


def test_equals_the_coco_scorer(random_corpus) -> None:
    rouge = pytest.importorskip("pycocoevalcap.rouge.rouge", reason="pip install 'tunegrid[meteor]'")
    answers, references = random_corpus(7, 1000)
    answers[0] = []
    ours = statistics(answers, references)[:, 0]
    for index, (answer, several) in enumerate(zip(answers, references, strict=True)):
        theirs = rouge.Rouge().calc_score([" ".join(answer)], [" ".join(reference) for reference in several])
        assert ours[index] == pytest.approx(theirs, abs=1e-12)


def test_precision_and_recall_may_come_from_different_references() -> None:
    # Precision 3/3 from the long reference, recall 1/1 from the short one.
    assert rouge_l(list("abc"), [list("abcxyzuvw"), list("a")]) == pytest.approx(1.0)


def test_texts_without_tokens_count_as_one_empty_token() -> None:
    assert rouge_l([], [[]]) == pytest.approx(1.0)
    assert rouge_l([], [["a"]]) == rouge_l(["a"], [[]]) == 0.0
