"""Which of two answers the model prefers, whatever it thinks of letters."""

import numpy as np
import pytest
from constitution.scripted import RULES, Scripted, request

from tunegrid.constitution.comparison import Contest, compared, sigmoid
from tunegrid.errors import ConfigError

WORDING = "{{ request }}\n{{ principle }}?\n(A) {{ first }}\n(B) {{ second }}"
WORTH = {"good": 1.0, "bad": -1.0, "same": -1.0}


def contest(first: str, second: str) -> Contest:
    return Contest(request("p"), RULES[1], first, second)


def test_both_orders_are_asked_under_the_system_message_and_no_other_turn() -> None:
    speaker = Scripted(WORTH)
    compared(speaker, [contest("good", "bad")], WORDING)
    asked = "s: be brief | u: ask p\nwhich is more b?\n"
    assert speaker.asked == [[f"{asked}(A) good\n(B) bad", f"{asked}(A) bad\n(B) good"]]


def test_the_probability_is_that_of_the_likelihoods() -> None:
    found = compared(Scripted(WORTH, letter=0.5), [contest("good", "bad"), contest("bad", "same")], WORDING)
    wanted = [[1 / (1 + np.exp(-2.5)), 1 / (1 + np.exp(-1.5))], [1 / (1 + np.exp(-0.5)), 1 / (1 + np.exp(0.5))]]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("letter", [-30.0, -1.0, 0.0, 0.3, 8.0])
def test_swapping_the_answers_gives_one_minus_the_probability(letter: float) -> None:
    speaker = Scripted(WORTH, letter)
    there, back = (compared(speaker, [contest(*pair)], WORDING) for pair in (("good", "bad"), ("bad", "good")))
    assert there.mean() + back.mean() == pytest.approx(1, abs=1e-15)
    assert compared(speaker, [contest("bad", "same")], WORDING).mean() == pytest.approx(0.5, abs=1e-15)


def test_likelihoods_far_apart_are_a_probability_too() -> None:
    assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]


def test_a_wording_that_asks_for_what_is_not_there_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match=r"objective.comparison: unknown column 'answer'; .*known: first, principle"):
        compared(Scripted(WORTH), [contest("good", "bad")], "{{ answer }}")
