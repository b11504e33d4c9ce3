"""What an answer concludes, on recorded answers with a known accuracy and on what untrained models write."""

import json

import pytest

from tunegrid.metrics.combine import corpus_value
from tunegrid.metrics.conclusion import Conclusion, conclusion


@pytest.mark.parametrize("name", ["boolean_expressions", "object_counting"])
@pytest.mark.parametrize("how", ["cot", "direct"])
def test_recorded_answers_have_the_published_accuracy(shared, name, how):
    official = json.loads((shared / "bbh" / "official_accuracy.json").read_text(encoding="utf-8"))
    file = shared / "bbh" / "outputs_code_davinci_002" / f"{name}.{how}.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    (score,) = Conclusion().score([row["prediction"] for row in rows], [[row["target"]] for row in rows])
    assert 100 * corpus_value(score) == pytest.approx(official[f"{name}/{how}"]["metrics"]["accuracy"])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("We count. So the answer is 8.", "8"),
        ("The first answer is 3. No. So the answer is 4.", "4"),
        ("So the answer is (B) a circle.", "(B)"),
        ("So the answer is 2.\n\nQ: More?\nA: So the answer is 9.", "2"),
        (" yes. ", "yes"),
        ("So the answer is ", "So the answer is"),
        ("", ""),
    ],
)
def test_the_conclusion_is_what_follows_the_words(answer, expected):
    assert conclusion(answer) == expected
