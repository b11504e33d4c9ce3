"""The same rows, in the same order, through tunegrid and through TRL's SFTTrainer. Imports torch, transformers and TRL.

Both train LoRA (q and v, alpha 32, no dropout) on a bfloat16 base with fp32 adapters and AdamW. TRL gets what its own
documentation advises for short rows on one device: no gradient checkpointing, its default loss, no reporting.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from tunegrid.quiet import hush

hush()

import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from peft import LoraConfig  # noqa: E402
from transformers import TrainerCallback  # noqa: E402
from trl import SFTConfig, SFTTrainer  # noqa: E402

from tunegrid.data.token_rows import PreparedData, TokenizedRows  # noqa: E402
from tunegrid.hardware import Accelerator, Hardware, Precision, Strategy  # noqa: E402
from tunegrid.method.lora import AlphaPolicy, Initialisation, Lora  # noqa: E402
from tunegrid.model.embedded import Embedded  # noqa: E402
from tunegrid.objective.row_order import rows_of_step  # noqa: E402
from tunegrid.objective.sft import Keep, Schedule, Sft  # noqa: E402
from tunegrid.pack.pack import Member, Pack  # noqa: E402

LEARNING_RATE, SEED = 1e-3, 0


@dataclass(frozen=True, slots=True)
class Timed:
    """One training run, step by step."""

    seconds: list[float]
    """Of each optimiser step after the first, which pays for lazy initialisation."""
    losses: list[float]


@dataclass(slots=True)
class _Journal:
    folder: Path
    losses: list[float]

    def log(self, step: int, values: Mapping[str, float]) -> None:
        if "loss" in values:
            self.losses.append(values["loss"])

    def rewind(self, step: int) -> None:
        raise AssertionError("a benchmark starts from nothing")


def generated_rows(count: int) -> TokenizedRows:
    """Rows of E2E's lengths (prompts of 11 to 55 tokens, completions of 8 to 51), ids from the whole vocabulary."""
    draw = torch.Generator().manual_seed(SEED)

    def side(least: int, most: int) -> list[int]:
        length = int(torch.randint(least, most + 1, (), generator=draw))
        return torch.randint(5, 49_000, (length,), generator=draw).tolist()

    return TokenizedRows.of([(side(11, 55), side(8, 51)) for _ in range(count)])


def tunegrid(model: Embedded, ranks: Sequence[int], rows: TokenizedRows, steps: int, batch_size: int) -> Timed:
    """Train a pack of these ranks."""
    members = [Member(f"cell_{rank}", _lora(rank), SEED) for rank in ranks]
    pack = Pack(model.load("bfloat16"), members, pad=0)
    few = TokenizedRows.of([(rows.prompt(0).tolist(), rows.completion(0).tolist())])  # validation is not compared
    ends: list[float] = []
    with TemporaryDirectory() as scratch:
        journals = [_Journal(Path(scratch) / member.name, []) for member in members]
        objective = _sft(steps, batch_size)
        data = PreparedData(rows, few, [], (0,), "", ())
        mark = lambda *_: ends.append(time.perf_counter())  # noqa: E731
        objective.train(pack, [objective] * len(ranks), data, _machine(), journals, mark)
    return Timed(_between(ends), journals[0].losses)


def trl(model: Embedded, rank: int, rows: TokenizedRows, steps: int, batch_size: int) -> Timed:
    """Train one rank with TRL on the rows that tunegrid draws for the same seed."""
    order = [i for step in range(steps) for i in rows_of_step(SEED, step, batch_size, len(rows))]
    sides = [(rows.prompt(i).tolist(), rows.completion(i).tolist()) for i in order]
    dataset = Dataset.from_list(
        [{"input_ids": p + c, "completion_mask": [0] * len(p) + [1] * len(c)} for p, c in sides]
    )
    clock = _Clock()
    with TemporaryDirectory() as scratch:
        settings = SFTConfig(
            output_dir=scratch,
            per_device_train_batch_size=batch_size,
            max_steps=steps,
            learning_rate=LEARNING_RATE,
            weight_decay=0.01,
            lr_scheduler_type="linear",
            warmup_steps=0,
            max_grad_norm=1.0,
            max_length=None,
            completion_only_loss=True,  # not inferred from tokenised rows
            shuffle_dataset=False,
            train_sampling_strategy="sequential",
            gradient_checkpointing=False,
            logging_steps=1,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
            use_cpu=not torch.cuda.is_available(),
            seed=SEED,
        )
        trainer = SFTTrainer(
            model=model.load("bfloat16"),
            args=settings,
            train_dataset=dataset,
            processing_class=model.load_tokenizer(),
            peft_config=LoraConfig(r=rank, lora_alpha=32, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"),
            callbacks=[clock],
        )
        trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    return Timed(_between(clock.ends), losses)


class _Clock(TrainerCallback):
    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: object, **__: object) -> None:
        self.ends.append(time.perf_counter())


def _between(ends: Sequence[float]) -> list[float]:
    """Durations between marks, the first left out."""
    return [later - earlier for earlier, later in pairwise(ends)][1:]


def _lora(rank: int) -> Lora:
    return Lora(
        kind="lora",
        rank=rank,
        alpha=32,
        alpha_policy=AlphaPolicy.fixed,
        targets=["query", "value"],
        dropout=0.0,
        initialisation=Initialisation.kaiming,
    )


def _sft(steps: int, batch_size: int) -> Sft:
    return Sft(
        steps=steps,
        batch_size=batch_size,
        learning_rate=LEARNING_RATE,
        schedule=Schedule.linear,
        warmup_steps=0,
        weight_decay=0.01,
        clip_norm=1.0,
        label_smoothing=0.0,
        validate_every=steps,
        patience=None,
        keep=Keep.last,
    )


def _machine() -> Hardware:
    return Hardware(
        accelerator=Accelerator.auto,
        devices=1,
        strategy=Strategy.single,
        precision=Precision.bfloat16,
        threads=None,
        tokens_per_pass=2048,
        generation_rows=128,
        latency_tokens=None,
    )
