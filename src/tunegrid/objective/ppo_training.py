"""Training a policy: its trunk, its reference and its judge. Imports torch and lightning."""

from collections.abc import Callable
from functools import partial

from tunegrid.data.tokenized import PreparedData
from tunegrid.hardware import Hardware
from tunegrid.hardware.machine import device_of
from tunegrid.objective import Journal, Trained
from tunegrid.objective.cell_state import CellState
from tunegrid.objective.experience import Actor
from tunegrid.objective.fit import Around, fit, trained
from tunegrid.objective.master_weights import MasterWeights
from tunegrid.objective.ppo import Ppo
from tunegrid.objective.ppo_module import VALUE, LogRow, PpoModule
from tunegrid.objective.reference import Reference
from tunegrid.objective.rollout import Drawing
from tunegrid.objective.sft_training import ValidationBatches, cell_rows
from tunegrid.objective.value_trunk import ValueTrunk
from tunegrid.pack.pack import Pack
from tunegrid.reward import Judge, Reward


def train_policy(
    pack: Pack,
    objective: Ppo,
    data: PreparedData,
    hardware: Hardware,
    journal: Journal,
    report: Callable[[int, int, str], None],
    reward: Reward,
) -> Trained:
    """See `Objective.train`; a policy is alone in its pack. Goes on from its checkpoint where there is one."""
    around = Around(hardware, {pack.members[0].name: journal}, report)
    assert pack.tokenizer is not None
    judge = reward.judge(pack.tokenizer, pack.base.device)
    module = policy_module(pack, objective, data.stop_ids, hardware, judge, around.log_row)
    state = module.state
    fit(module, [state], partial(cell_rows, data.train), ValidationBatches(data.validation), around)
    pack.adapted.to(device_of(hardware))  # Lightning leaves it on the CPU
    state.restore_kept()
    return trained(state, len(data.train))


def policy_module(
    pack: Pack, objective: Ppo, stop_ids: tuple[int, ...], hardware: Hardware, judge: Judge, log_row: LogRow
) -> PpoModule:
    """A policy as it stands before its first step."""
    (member,) = pack.members
    drawing = Drawing(objective.response_tokens, objective.temperature, stop_ids, pack.pad)
    actor = Actor(
        pack=pack,
        name=member.name,
        reference=Reference(pack, member.name),
        drawing=drawing,
        judge=judge,
        missing_end_penalty=objective.missing_end_penalty,
        tokens_per_pass=hardware.tokens_per_pass,
        rows_at_once=hardware.generation_rows,
    )
    policy, trunk = pack.trainable(member), ValueTrunk.of(pack, member)
    value = {f"{VALUE}{key}": parameter for key, parameter in trunk.trainable().items()}
    weights = MasterWeights.of({**policy, **value} if policy else {})
    return PpoModule(actor, trunk, CellState(member, objective, pack.attached[member.name], weights), log_row)
