"""The distinct prompts of training rows: their text, their turns, their tokens."""

import json
from pathlib import Path

import pytest

from tunegrid.data.training_prompts import prepare_prompts
from tunegrid.errors import DataError
from tunegrid.model.byte_tokenizer import byte_tokenizer

EACH = "{% for m in messages %}<{{ m.role[0] }}>{{ m.content }}</s>{% endfor %}"
TEMPLATE = EACH + "{% if add_generation_prompt %}<a>{% endif %}"


def written(folder: Path, *records: dict[str, object]) -> str:
    (folder / "train.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return f"data.path={folder / 'train.jsonl'}"


@pytest.mark.parametrize("chat", ["never", "always"])
def test_a_prompt_is_its_text_its_turns_and_the_tokens_of_these(chat, make_data, make_prompt, tmp_path):
    tokenizer = byte_tokenizer(False, 512)
    tokenizer.chat_template = TEMPLATE
    records = [{"prompt": f"ask {n // 2}", "completion": f"say {n}"} for n in range(20)]
    data = make_data("records", written(tmp_path, *records))
    prompt = make_prompt("zero_shot", f"prompt.chat={chat}", "prompt.system=be brief")
    found = prepare_prompts(data, tokenizer, prompt)
    assert len(found) == len({one.text for one in found.prompts}) == 8  # of ten, one validates and one tests
    for one in found.prompts:
        assert [(turn.role, turn.content) for turn in one.turns] == [("system", "be brief"), ("user", one.text)]
        shown = {"always": f"<s>be brief</s><u>{one.text}</s><a>", "never": f"be brief\n\n{one.text}{prompt.separator}"}
        assert tokenizer.decode(one.ids) == shown[chat]


def test_a_conversation_is_refused_by_its_line(make_data, make_prompt, tmp_path):
    roles = ("user", "assistant", "user", "assistant")
    records = [{"messages": [{"role": role, "content": str(n)} for role in roles]} for n in range(9)]
    data = make_data("records", written(tmp_path, *records))
    with pytest.raises(DataError, match=r"train\.jsonl:\d+.*: 3 turns; this objective takes prompts of one turn"):
        prepare_prompts(data, byte_tokenizer(False, 512), make_prompt("zero_shot"))
