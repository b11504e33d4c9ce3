"""Answers of finished cells to new prompts, decoded together on one base. Imports torch and transformers."""

from collections.abc import Callable, Sequence

from tunegrid.cell.cell import Cell
from tunegrid.cell.integrity import ADAPTER
from tunegrid.errors import ConfigError
from tunegrid.hardware.kernel_cache import bound_kernel_cache
from tunegrid.hardware.machine import load_onto, set_threads
from tunegrid.inference.prompt_text import fitted_prompt, prompt_text
from tunegrid.inference.questions import Asked
from tunegrid.method.virtual_tokens import positions
from tunegrid.pack.pack import Member, Pack
from tunegrid.prompt.encoding import Encoder, Side
from tunegrid.sampler import Decoder
from tunegrid.sampler.decode import Job, decode_jobs


def answers(
    cells: Sequence[Cell], asked: Sequence[Asked], raw: bool, report: Callable[[int, int, str], None]
) -> list[str]:
    """The answer to each of `asked`; the cells share a base, which is loaded once.

    A prompt goes through its cell's template, few shots and chat template; with `raw` it is tokenised as it is. Each
    cell's own sampler decodes, those with equal ones together.
    """
    run, decoders = cells[0].run, [_decoder(cell) for cell in cells]
    set_threads(run.hardware)
    bound_kernel_cache()
    tokenizer = run.model.load_tokenizer()
    encoders = [cell.run.prompt.encoder(tokenizer) for cell in cells]
    prompts = _prompts(cells, encoders, asked, raw)
    members = [Member(f"cell_{cell.id}", cell.run.method, cell.run.seed, cell.path(ADAPTER)) for cell in cells]
    pack = Pack(load_onto(run.hardware, run.model, run.method), members, tokenizer.pad_token_id)
    jobs = [(cell, tuple(pack.own_prompt(members[cell].name, prompt))) for cell, prompt in prompts]
    for cell, prompt in jobs:
        _check_room(cells[cell], decoders[cell].max_new_tokens, len(prompt))
    found: dict[Job, str] = {}
    for places in _alike(cells, encoders):
        own = sorted({job for job in jobs if job[0] in places}, key=lambda job: (job[0], -len(job[1])))
        decoder, stops = decoders[places[0]], encoders[places[0]].stop_ids
        found |= decode_jobs(decoder, pack, own, tokenizer, stops, run.hardware.generation_rows, report)
    return [found[job] for job in jobs]


def _decoder(cell: Cell) -> Decoder:
    sampler = cell.run.sampler
    if not isinstance(sampler, Decoder):
        raise ConfigError(f"cell {cell.id} ({cell.title}) ranks given choices and decodes nothing; name another cell")
    return sampler


def _prompts(
    cells: Sequence[Cell], encoders: Sequence[Encoder], asked: Sequence[Asked], raw: bool
) -> list[tuple[int, list[int]]]:
    prompts = [fitted_prompt(cell) for cell in cells]
    texts = [
        one.prompt if raw else prompt_text(one.prompt, cells[one.cell], prompts[one.cell], encoders[one.cell])
        for one in asked
    ]
    return [(one.cell, encoders[one.cell].ids([text], Side.prompt)[0]) for one, text in zip(asked, texts, strict=True)]


def _check_room(cell: Cell, most: int, tokens: int) -> None:
    room = positions(cell.run.model)
    if room is not None and tokens + most > room:
        raise ConfigError(
            f"a prompt of {tokens} tokens and the {most} of sampler.max_new_tokens do not fit the model's {room} "
            f"positions (cell {cell.id}); shorten the prompt"
        )


def _alike(cells: Sequence[Cell], encoders: Sequence[Encoder]) -> list[list[int]]:
    """Places of cells whose answers are decoded in the same way."""
    groups: dict[tuple[str, tuple[int, ...]], list[int]] = {}
    for place, cell in enumerate(cells):
        groups.setdefault((repr(cell.run.sampler), encoders[place].stop_ids), []).append(place)
    return list(groups.values())
