import time

import numpy as np
import pytest

from tunegrid.data.token_cache import default_folder
from tunegrid.data.tokenized import TokenizedRows, identity, prepare
from tunegrid.errors import DataError
from tunegrid.model.byte_tokenizer import byte_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return byte_tokenizer(end_appended=False, longest=4096)


@pytest.fixture
def places(make_data):
    sizes = ("data.rows=60", "data.validation_rows=12", "data.test_rows=9")
    return lambda *overrides: make_data("restaurants", *sizes, *overrides)


@pytest.fixture
def prompt(make_prompt):
    return make_prompt("zero_shot")


def as_bytes(ids):
    """The text of byte-level ids, by the standard library: the tokenizer's letters are GPT-2's for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {chr(b): b for b in printable}
    letters |= {chr(256 + i): b for i, b in enumerate(b for b in range(256) if b not in printable)}
    return bytes(letters[letter] for letter in ids).decode()


def text(tokenizer, ids):
    return as_bytes("".join(tokenizer.convert_ids_to_tokens([int(i) for i in ids])))


def test_rows_are_prompt_then_completion_then_end(places, tokenizer, prompt, tmp_path):
    data = places()
    prepared = prepare(data, tokenizer, prompt, tmp_path)
    pairs = [(example, reference) for example in data.splits().train for reference in example.references]
    assert len(prepared.train) == len(pairs) == 60
    for i, (example, reference) in enumerate(pairs):
        assert text(tokenizer, prepared.train.prompt(i)) == f"Describe this place: {example.fields['mr']}\n"
        assert text(tokenizer, prepared.train.completion(i)[:-1]) == reference
        assert prepared.train.completion(i)[-1] == tokenizer.eos_token_id
        whole = prepared.train.ids[prepared.train.offsets[i] : prepared.train.offsets[i + 1]]
        assert list(whole) == [*prepared.train.prompt(i), *prepared.train.completion(i)]


def test_layout_and_types(places, tokenizer, prompt, tmp_path):
    rows = prepare(places(), tokenizer, prompt, tmp_path).train
    assert (rows.ids.dtype, rows.offsets.dtype, rows.prompt_lengths.dtype) == (np.int32, np.int64, np.int32)
    assert (rows.ids.shape, rows.offsets.shape, rows.prompt_lengths.shape) == ((rows.tokens,), (61,), (60,))
    assert rows.lengths.sum() == rows.tokens == len(rows.ids)
    assert isinstance(rows.ids, np.memmap)


def test_questions_are_the_test_part(places, tokenizer, prompt, tmp_path):
    data = places()
    prepared = prepare(data, tokenizer, prompt, tmp_path)
    assert [q.references for q in prepared.questions] == [list(e.references) for e in data.splits().test]
    assert all(text(tokenizer, q.prompt_ids) == q.prompt for q in prepared.questions)
    assert prepared.stop_ids == (tokenizer.eos_token_id,)


def test_an_encoder_side_keeps_its_end(places, prompt, tmp_path):
    tokenizer = byte_tokenizer(end_appended=True, longest=4096)
    prepared = prepare(places(), tokenizer, prompt, tmp_path)
    assert prepared.train.prompt(0)[-1] == tokenizer.eos_token_id == prepared.questions[0].prompt_ids[-1]
    assert list(prepared.train.completion(0)).count(tokenizer.eos_token_id) == 1


@pytest.mark.parametrize("policy", ["drop", "truncate"])
def test_long_rows_are_left_out_or_cut_and_counted(places, tokenizer, prompt, tmp_path, policy):
    whole = prepare(places(), tokenizer, prompt, tmp_path).train
    limit = int(np.median(whole.lengths))
    prepared = prepare(places(f"data.max_length={limit}", f"data.long_rows={policy}"), tokenizer, prompt, tmp_path)
    over = int((whole.lengths > limit).sum())
    assert 0 < over < 60 and prepared.train.lengths.max() == limit
    if policy == "drop":
        assert len(prepared.train) == 60 - over
        assert f"training: {over} rows over {limit} tokens left out" in prepared.notes
        assert (prepared.train.lengths == whole.lengths[whole.lengths <= limit]).all()
    else:
        hopeless = int((whole.prompt_lengths >= limit).sum())
        assert len(prepared.train) == 60 - hopeless
        assert f"training: {over - hopeless} rows cut to {limit} tokens" in prepared.notes
        assert (prepared.train.prompt_lengths == whole.prompt_lengths[whole.prompt_lengths < limit]).all()
    assert len(prepared.questions) == 9


def test_long_rows_are_refused_on_request(places, tokenizer, prompt, tmp_path):
    message = r"train:\d+: \d+ tokens, over data\.max_length=90; raise it, or set data\.long_rows to drop or truncate"
    with pytest.raises(DataError, match=message):
        prepare(places("data.max_length=90", "data.long_rows=refuse"), tokenizer, prompt, tmp_path)
    with pytest.raises(DataError, match=r"data\.max_length=9 leaves no training row; raise it above \d+ tokens"):
        prepare(places("data.max_length=9"), tokenizer, prompt, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_answer_of_no_tokens_is_refused(places, tokenizer, prompt, tmp_path):
    with pytest.raises(DataError, match=r"train:1: data\.template\.target: an answer of no tokens"):
        prepare(places("data.template.target=''"), tokenizer, prompt, tmp_path)


def test_prompts_seen_in_training_are_counted(make_data, tokenizer, prompt, tmp_path):
    for part in ("train", "validation", "test"):
        more = '{"input": "only here", "output": "c"}\n' if part == "test" else ""
        (tmp_path / f"{part}.jsonl").write_text('{"input": "a", "output": "b"}\n' + more)
    prepared = prepare(make_data("jsonl", f"data.path={tmp_path}"), tokenizer, prompt, tmp_path / "cache")
    leak = "test: 1 prompts are training prompts word for word, 0 nearly (test.jsonl:1 of train.jsonl:1)"
    assert leak in prepared.notes


def test_the_second_time_nothing_is_read_or_tokenised(places, tokenizer, prompt, tmp_path, monkeypatch):
    first = prepare(places(), tokenizer, prompt, tmp_path)
    monkeypatch.setattr("tunegrid.data.tokenized._tokenise", None)
    second = prepare(places(), tokenizer, prompt, tmp_path)
    assert (second.questions, second.notes, second.stop_ids) == (first.questions, first.notes, first.stop_ids)
    assert (second.train.ids == first.train.ids).all()


def test_padding_that_a_call_set_does_not_change_the_identity(places, prompt):
    tokenizer = byte_tokenizer(end_appended=False, longest=4096)
    before = identity(places(), tokenizer, prompt)
    tokenizer(["a", "bc"], padding=True, truncation=True, max_length=2)
    assert identity(places(), tokenizer, prompt) == before


@pytest.mark.parametrize(
    "override", ["data.rows=61", "data.max_length=500", "data.split_seed=1", "data.template.target='{{ reference }}!'"]
)
def test_identity_follows_every_choice(places, tokenizer, prompt, override):
    assert identity(places(override), tokenizer, prompt) != identity(places(), tokenizer, prompt)


def test_identity_follows_prompt_and_tokenizer(places, tokenizer, prompt, make_prompt):
    other = byte_tokenizer(end_appended=False, longest=4096)
    base = identity(places(), tokenizer, prompt)
    assert identity(places(), other, prompt) == base
    assert identity(places(), tokenizer, make_prompt("zero_shot", "prompt.system=Hi")) != base
    other.chat_template = "{{ messages }}"
    assert identity(places(), other, prompt) != base
    assert identity(places(), byte_tokenizer(end_appended=True, longest=4096), prompt) != base


DAMAGE = {
    "cut": lambda entry: (entry / "train.ids.npy").write_bytes((entry / "train.ids.npy").read_bytes()[:-4]),
    "flipped": lambda entry: flip(entry / "train.ids.npy"),
    "gone": lambda entry: (entry / "validation.offsets.npy").unlink(),
    "no manifest": lambda entry: (entry / "manifest.json").write_text("{"),
    "other manifest": lambda entry: (entry / "manifest.json").write_text("[]"),
}


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_cache_is_made_again(places, tokenizer, prompt, tmp_path, damage):
    first = prepare(places(), tokenizer, prompt, tmp_path)
    expected = np.array(first.train.ids)
    damage(tmp_path / first.fingerprint)
    again = prepare(places(), tokenizer, prompt, tmp_path)
    assert (np.array(again.train.ids) == expected).all()
    assert [entry.name for entry in tmp_path.iterdir()] == [first.fingerprint]


def test_a_cache_that_cannot_be_written_costs_a_note(places, tokenizer, prompt, tmp_path):
    (tmp_path / "file").write_text("")
    prepared = prepare(places(), tokenizer, prompt, tmp_path / "file" / "cache")
    assert len(prepared.train) == 60 and prepared.notes[-1].startswith("tokenised data not cached: ")


def test_the_cache_is_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv("TUNEGRID_CACHE", str(tmp_path))
    assert default_folder() == tmp_path / "tokenized"
    monkeypatch.delenv("TUNEGRID_CACHE")
    assert default_folder().parts[-3:] == (".cache", "tunegrid", "tokenized")


def test_rows_of_nothing():
    rows = TokenizedRows.of([])
    assert len(rows) == 0 and rows.tokens == 0


def test_real_e2e_rows(make_data, e2e_folder, tokenizer, prompt, tmp_path):
    data = make_data("e2e", f"data.path={e2e_folder}", "data.max_length=2048")  # bytes, here
    start = time.process_time()
    prepared = prepare(data, tokenizer, prompt, tmp_path)
    assert time.process_time() - start < 15
    assert len(prepared.train) + len(prepared.validation) == 4672
    assert len(prepared.questions) == 315 and sum(len(q.references) for q in prepared.questions) == 2282
    splits = data.splits()
    stored = {text(tokenizer, prepared.train.completion(i)[:-1]) for i in range(len(prepared.train))}
    assert stored == {reference for example in splits.train for reference in example.references}
