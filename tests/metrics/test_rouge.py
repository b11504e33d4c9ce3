import pytest

from tunegrid.metrics.rouge import rouge_lcs, rouge_n, statistics, tokenize

REFERENCE = tokenize("It is cold outside.")


def test_published_example() -> None:
    answer = tokenize("It is very cold outside.")
    assert rouge_n(answer, REFERENCE, 1) == pytest.approx((1.0, 0.8, 0.89), abs=5e-3)
    assert rouge_n(answer, REFERENCE, 2) == pytest.approx((0.67, 0.5, 0.57), abs=5e-3)
    assert rouge_lcs(answer, REFERENCE) == pytest.approx((1.0, 0.8, 0.89), abs=5e-3)  # 4 words in common, in order


def test_counts_are_clipped() -> None:
    assert rouge_n(tokenize("cold cold cold cold"), REFERENCE, 1)[1] == 0.25


def test_equals_torchmetrics() -> None:
    from torchmetrics.functional.text.rouge import rouge_score

    answers = ["The cat sat on the mat.", "A dog barked, 3 times!", "", "no overlap here", "it's a well-known café"]
    references = [
        "A cat was sitting on the mat",
        "the dog barked 3 or 4 times",
        "something",
        "zzz",
        "It's well known: a cafe",
    ]
    rows = statistics(answers, [[reference] for reference in references])
    for key, values in rows.items():
        for index, (answer, reference) in enumerate(zip(answers, references, strict=True)):
            theirs = rouge_score(answer, reference, rouge_keys=key, use_stemmer=False)[f"{key}_fmeasure"].item()
            assert values[index, 0] == pytest.approx(theirs, abs=1e-6), (key, answer)


def test_the_best_reference_counts() -> None:
    rows = statistics(["a b c"], [["x y", "a b c", "a"]])
    assert [rows[key][0, 0] for key in ("rouge1", "rouge2", "rougeL")] == [1.0, 1.0, 1.0]
