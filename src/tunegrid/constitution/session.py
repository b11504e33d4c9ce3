"""A cell's session: every training prompt drafted, criticised, revised, compared and judged. Imports torch."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch

from tunegrid.constitution.comparison import Contest, compared
from tunegrid.constitution.conversation import Reply
from tunegrid.constitution.member import MemberSpeaker
from tunegrid.constitution.revision import Transcript, rule_of, transcripts
from tunegrid.constitution.rules import Rule
from tunegrid.constitution.told import Told, outcomes, records
from tunegrid.data.tokenized import PreparedData
from tunegrid.data.training_prompts import TrainingPrompts
from tunegrid.hardware import Hardware
from tunegrid.objective import Journal, Objective, Trained
from tunegrid.objective.constitution import Constitution
from tunegrid.objective.items import Item, one_by_one, untrained
from tunegrid.objective.rollout import Drawing
from tunegrid.pack.pack import Pack
from tunegrid.prompt.encoding import Side
from tunegrid.reward import Judge, Reward
from tunegrid.reward.none import NoReward


def hold_sessions(
    pack: Pack,
    objectives: Sequence[Objective],
    data: PreparedData,
    hardware: Hardware,
    journals: Sequence[Journal],
    report: Callable[[int, int, str], None],
    reward: Reward,
) -> list[Trained]:
    """See `Objective.train`. Each member goes on behind the prompts that it has done."""
    assert pack.tokenizer is not None and data.prompts is not None
    judge = None if isinstance(reward, NoReward) else reward.judge(pack.tokenizer, pack.base.device)
    found = []
    for member, objective, journal in zip(pack.members, objectives, journals, strict=True):
        assert isinstance(objective, Constitution)
        drawing = Drawing(objective.response_tokens, objective.temperature, data.stop_ids, pack.pad)
        rows, tokens = hardware.generation_rows, hardware.tokens_per_pass
        speaker = MemberSpeaker(pack, member.name, data.prompts.encoder, drawing, rows, tokens)
        session = Session(speaker, data.prompts, objective, objective.constitution(), judge, member.seed)
        items = one_by_one(len(data.prompts), rows, session.items, journal, report)
        told = [Told(**item.content) for item in items]
        found.append(untrained(items, outcomes(told), records(told)))
    return found


@dataclass(frozen=True, slots=True)
class Session:
    """A model, what it is asked, the rules, and who judges its answers."""

    speaker: MemberSpeaker
    prompts: TrainingPrompts
    objective: Constitution
    rules: Sequence[Rule]
    judge: Judge | None
    seed: int

    def items(self, places: Sequence[int]) -> list[Item]:
        """All that is done with some of the prompts."""
        before = self.speaker.tokens
        requests = [self.prompts.prompts[place] for place in places]
        spoken = transcripts(self.speaker, requests, self.rules, self.objective.rounds, self.seed)
        contests = [self._contest(one) for one in spoken]
        probabilities = compared(self.speaker, contests, self.objective.comparison)
        told = [self._told(*of) for of in zip(spoken, contests, probabilities, self._scores(spoken), strict=True)]
        bounds = np.linspace(0, self.speaker.tokens - before, len(told) + 1).astype(int)
        return [Item(asdict(one), int(own), _values(one)) for one, own in zip(told, np.diff(bounds), strict=True)]

    def _contest(self, one: Transcript) -> Contest:
        """The last revision against the draft, by a rule that has not been used if there is one."""
        rule = rule_of(self.rules, one.request, self.objective.rounds, self.seed)
        return Contest(one.request, rule, one.answers[-1].text, one.draft.text)

    def _scores(self, spoken: Sequence[Transcript]) -> list[list[float]]:
        """The judge's score of every answer of each transcript."""
        if self.judge is None:
            return [[] for _ in spoken]
        prompts = [torch.tensor(one.request.ids) for one in spoken]
        rounds = zip(*(one.answers for one in spoken), strict=True)
        by_round = [self.judge.scores(prompts, self._ids(answers)) for answers in rounds]
        return [list(scores) for scores in zip(*by_round, strict=True)]

    def _ids(self, answers: Sequence[Reply]) -> list[torch.Tensor]:
        texts = [answer.text for answer in answers]
        return [torch.tensor(ids) for ids in self.speaker.encoder.ids(texts, Side.completion)]

    def _told(self, one: Transcript, contest: Contest, probabilities: np.ndarray, scores: list[float]) -> Told:
        return Told(
            key=one.request.key,
            prompt=one.request.text,
            answers=[answer.text for answer in one.answers],
            ended=one.answers[-1].ended,
            rules=[step.rule.name for step in one.steps],
            critiques=[step.critique.text for step in one.steps],
            scores=scores,
            compared_by=contest.rule.name,
            probabilities=probabilities.tolist(),
        )


def _values(one: Told) -> dict[str, float]:
    """What is logged: the score of each round, draft first, and what the model makes of its last revision."""
    scores = {f"score_{number}": score for number, score in enumerate(one.scores)}
    return {**scores, "preferred": one.probability, "kept": float(one.is_kept)}
