import pytest

from tunegrid.data import Turn
from tunegrid.data.known_formats import detect
from tunegrid.data.record import RecordError

USER, GOOD, BAD = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}, "Go away"
WORSE = {**GOOD, "content": BAD}
ASKED = (Turn("user", "Hi"),)
LISTS = "lists of chosen and rejected messages"
HH = "\n\nHuman: One\n\nAssistant: Two\n\nHuman: Hi\n\nAssistant:"


@pytest.mark.parametrize(
    ("record", "name", "turns"),
    [
        ({"prompt": "Hi", "chosen": "Hello", "rejected": BAD}, "prompt/chosen/rejected", ()),
        (
            {"instruction": "Hi", "input": "", "output": "Hello", "chosen": "Hello", "rejected": BAD},
            "instruction/input/chosen/rejected",
            (),
        ),
        (
            {
                "conversations": [{"from": "human", "value": "Hi"}],
                "chosen": {"from": "gpt", "value": "Hello"},
                "rejected": {"from": "gpt", "value": BAD},
            },
            "ShareGPT preference pairs",
            ASKED,
        ),
        ({"messages": [USER], "chosen": GOOD, "rejected": WORSE}, "chat preference pairs", ASKED),
        ({"prompt": [USER], "chosen": [GOOD], "rejected": [WORSE]}, LISTS, ASKED),
        ({"prompt": "Hi", "chosen": [USER, GOOD], "rejected": [USER, WORSE]}, LISTS, ASKED),
        (
            {"chosen": f"{HH} Hello", "rejected": f"{HH} {BAD}"},
            "Human/Assistant preference pairs",
            (Turn("user", "One"), Turn("assistant", "Two"), *ASKED),
        ),
    ],
)  # fmt: skip
def test_preference_pairs_in_every_form(record, name, turns):
    form = detect(record)
    (pair,) = form.read(record)
    assert form.name == name
    assert (pair.fields["prompt"], pair.turns, pair.answer, pair.rejected) == ("Hi", turns, "Hello", BAD)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"chosen": HH, "rejected": f"{HH} x"}, r"chosen: an empty turn; fill it in"),
        ({"chosen": f"{HH} a", "rejected": "\n\nHuman: Hi\n\nAssistant: x"}, r"rejected: parts from chosen before the"),
        ({"chosen": f"{HH} a", "rejected": "\n\nHuman: Hi"}, r"rejected: does not end with an answer of the assistant"),
        ({"chosen": [USER, GOOD], "rejected": [GOOD]}, r"rejected\[0\]: the assistant speaks before any user"),
        ({"prompt": "Hi", "chosen": "x", "rejected": " "}, r"rejected: empty; fill it in or remove the record"),
    ],
)
def test_bad_pairs_are_refused(record, message):
    with pytest.raises(RecordError, match=message):
        detect(record).read(record)


def test_a_tree_gives_its_best_ranked_branch():
    def message(text, *replies, rank=None):
        return {"text": text, "role": "assistant" if rank is not None else "prompter", "rank": rank, "replies": replies}

    record = {"prompt": message("Hi", message("worse", rank=1), message("Hello", message("Bye"), rank=0))}
    (only,) = detect(record).read(record)
    assert (only.turns, only.answer) == (ASKED, "Hello")
    with pytest.raises(RecordError, match=r"prompt: turn 2 is no message of a prompter or an assistant"):
        detect(record).read({"prompt": {**record["prompt"], "replies": [{"text": "x"}]}})


def test_plain_text_is_an_answer_to_nothing():
    form = detect({"text": "Once upon a time", "number": 3})
    (text,) = form.read({"text": "Once upon a time", "number": 3})
    assert (form.name, text.fields["prompt"], text.answer) == ("plain text", "", "Once upon a time")
