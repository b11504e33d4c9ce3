"""From a data set to token ids: choose rows, write prompts and answers, tokenise in batches, keep the result."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from tunegrid.config import plain, without
from tunegrid.data import GROUP, Data, Example, LongRows
from tunegrid.data.copies_report import copies_report
from tunegrid.data.selection import Pair, select
from tunegrid.data.token_cache import FORMAT, default_folder, load, store
from tunegrid.data.token_rows import PreparedData, Question, TokenizedRows
from tunegrid.errors import DataError
from tunegrid.prompt import Prompt
from tunegrid.prompt.encoding import Encoder, Side

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["PreparedData", "Question", "TokenizedRows", "identity", "prepare"]

_BATCH = 4096  # texts; bounds the memory of a tokenizer call


def prepare(
    data: Data, tokenizer: "PreTrainedTokenizerBase", prompt: Prompt, cache_folder: Path | None = None
) -> PreparedData:
    """Tokenise a data set, or find it in the cache (`cache_folder`, by default the user's).

    Raises `DataError` for a source that cannot be used, `ConfigError` for a template or prompt that does not fit it.
    A cache that cannot be written costs nothing but a note.
    """
    folder = cache_folder or default_folder()
    fingerprint = identity(data, tokenizer, prompt)
    cached = load(folder, fingerprint)
    if cached is not None:
        return cached
    prepared = _tokenise(data, tokenizer, prompt, fingerprint)
    try:
        store(folder, prepared)
    except OSError as error:
        return replace(prepared, notes=(*prepared.notes, f"tokenised data not cached: {error}"))
    return load(folder, fingerprint) or prepared


def identity(data: Data, tokenizer: "PreTrainedTokenizerBase", prompt: Prompt) -> str:
    """A hash of everything that can change a token: source, choice of rows, templates, prompt, tokenizer."""
    parts = {
        "format": FORMAT,
        "source": [type(data).__name__, data.identity()],
        "data": without("path", plain(data)),
        "prompt": [type(prompt).__name__, without("path", plain(prompt)), prompt.fingerprint()],
        "tokenizer": _tokenizer_content(tokenizer),
    }
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _tokenizer_content(tokenizer: "PreTrainedTokenizerBase") -> list[object]:
    """What a tokenizer does, as text: its vocabulary and rules, its special tokens and its chat template."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    rules = json.loads(backend.to_str()) if backend is not None else sorted(tokenizer.get_vocab().items())
    if isinstance(rules, dict):  # the last call's padding and truncation say nothing about the next
        rules = {name: value for name, value in rules.items() if name not in ("padding", "truncation")}
    special = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    ends = bool(getattr(tokenizer, "add_eos_token", False))
    return [type(tokenizer).__name__, rules, special, str(getattr(tokenizer, "chat_template", None)), ends]


@dataclass(frozen=True, slots=True)
class _Part:
    rows: TokenizedRows
    notes: list[str]


def _tokenise(data: Data, tokenizer: "PreTrainedTokenizerBase", prompt: Prompt, fingerprint: str) -> PreparedData:
    splits = data.splits()
    chosen = select(data, splits)
    prompt = prompt.fitted(data.template, splits.train)
    encoder = prompt.encoder(tokenizer)
    rows = (*splits.train, *splits.validation)
    tasks = tuple(dict.fromkeys(example.task for example in rows if example.task is not None))
    writer = _Writer(data, prompt, encoder, tasks)
    train = writer.part("training", chosen.train)
    validation = writer.part("validation", chosen.validation)
    questions = writer.questions(chosen.test)
    notes = [*splits.notes, *chosen.notes, *train.notes, *validation.notes, f"test: {len(questions)} instances"]
    notes += copies_report(data, chosen)
    return PreparedData(train.rows, validation.rows, questions, encoder.stop_ids, fingerprint, tuple(notes), tasks)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the rows of one data set."""

    data: Data
    prompt: Prompt
    encoder: Encoder
    tasks: tuple[str, ...]

    def questions(self, examples: Sequence[Example]) -> list[Question]:
        """The test part, with the tokens of every choice that is offered."""
        texts = self.prompt_texts(examples)
        choices = [[self.data.template.target_text(e.fields, choice) for choice in e.choices] for e in examples]
        flat = [choice for several in choices for choice in several]
        ids = iter(_in_batches(self.encoder, flat, Side.completion))
        return [
            Question(
                example.key,
                text,
                prompt_ids,
                list(example.references),
                example.task,
                several,
                [next(ids)[: -len(self.encoder.stop)] for _ in several],
                list(example.gold),
                example.fields.get(GROUP),
            )
            for example, text, prompt_ids, several in zip(
                examples, texts, _in_batches(self.encoder, texts, Side.prompt), choices, strict=True
            )
        ]

    def prompt_texts(self, examples: Sequence[Example]) -> list[str]:
        return [self.encoder.text(self.prompt.turns(self.data.template, example)) for example in examples]

    def part(self, name: str, pairs: Sequence[Pair]) -> _Part:
        """Tokenise one part: each distinct example's prompt once, then every completion."""
        examples = list({id(example): example for example, _ in pairs}.values())
        texts = self.prompt_texts(examples)
        prompts = dict(zip(map(id, examples), _in_batches(self.encoder, texts, Side.prompt), strict=True))
        targets = [self.data.template.target_text(example.fields, reference) for example, reference in pairs]
        completions = _in_batches(self.encoder, targets, Side.completion)
        for (example, _), completion in zip(pairs, completions, strict=True):
            if len(completion) == len(self.encoder.stop):
                raise DataError(
                    f"{example.key}: data.template.target: an answer of no tokens; fill it in or remove the row"
                )
        rows = [(prompts[id(example)], completion) for (example, _), completion in zip(pairs, completions, strict=True)]
        kept, notes = self._fitting(name, pairs, rows)
        tasks = [self.tasks.index(task) if task else 0 for task in (pairs[place][0].task for place in kept)]
        return _Part(TokenizedRows.of(list(kept.values()), tasks), notes)

    def _fitting(
        self, name: str, pairs: Sequence[Pair], rows: list[tuple[list[int], list[int]]]
    ) -> tuple[dict[int, tuple[list[int], list[int]]], list[str]]:
        """The rows of at most `data.max_length` tokens by their place, as `data.long_rows` says, and what was done."""
        limit, policy = self.data.max_length, self.data.long_rows
        long = [len(prompt) + len(completion) > limit for prompt, completion in rows]
        if policy is LongRows.refuse and any(long):
            first = long.index(True)
            size = sum(map(len, rows[first]))
            advice = "raise it, or set data.long_rows to drop or truncate"
            raise DataError(f"{pairs[first][0].key}: {size} tokens, over data.max_length={limit}; {advice}")
        if policy is LongRows.truncate:
            rows = [(prompt, completion[: max(0, limit - len(prompt))]) for prompt, completion in rows]
            kept = {place: row for place, row in enumerate(rows) if row[1]}
        else:
            kept = {place: row for place, row in enumerate(rows) if not long[place]}
        if not kept:
            raise DataError(
                f"data.max_length={limit} leaves no {name} row; raise it above {min(map(_size, rows))} tokens"
            )
        dropped = len(rows) - len(kept)
        notes = [f"{name}: {len(kept)} rows, {sum(map(_size, kept.values()))} tokens"]
        notes += [f"{name}: {dropped} rows over {limit} tokens left out"] if dropped else []
        cut = sum(long) - dropped
        return kept, [*notes, f"{name}: {cut} rows cut to {limit} tokens"] if cut else notes


def _size(row: tuple[list[int], list[int]]) -> int:
    return len(row[0]) + len(row[1])


def _in_batches(encoder: Encoder, texts: Sequence[str], side: Side) -> list[list[int]]:
    return [ids for start in range(0, len(texts), _BATCH) for ids in encoder.ids(texts[start : start + _BATCH], side)]
