"""Draft → critique → revision of all requests, round after round (Bai et al. 2022, section 3.1). Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tunegrid.constitution.conversation import Conversation, Reply, Speaker, then
from tunegrid.constitution.rules import Rule
from tunegrid.data.draw import order
from tunegrid.data.training_prompts import TrainingPrompt
from tunegrid.seeds import stream


@dataclass(frozen=True, slots=True)
class Step:
    """One round of one request."""

    rule: Rule
    critique: Reply
    revision: Reply


@dataclass(frozen=True, slots=True)
class Transcript:
    """All that was said about one request."""

    request: TrainingPrompt
    draft: Reply
    steps: tuple[Step, ...] = ()

    @property
    def answers(self) -> tuple[Reply, ...]:
        """The draft, then the revision of each round."""
        return (self.draft, *(step.revision for step in self.steps))


def transcripts(
    speaker: Speaker, requests: Sequence[TrainingPrompt], rules: Sequence[Rule], rounds: int, seed: int
) -> list[Transcript]:
    """Draft an answer to each request, then criticise and revise it `rounds` times, by a rule a round.

    Each round begins at the request and its latest answer: earlier critiques are not read again. What is drawn for a
    request is a function of the seed and the request's key alone.
    """
    drafts = speaker.replies([request.turns for request in requests], _seeds(requests, seed, "draft"))
    told = [Transcript(request, draft) for request, draft in zip(requests, drafts, strict=True)]
    for number in range(rounds):
        told = _revised(speaker, told, [rule_of(rules, one.request, number, seed) for one in told], seed)
    return told


def rule_of(rules: Sequence[Rule], request: TrainingPrompt, number: int, seed: int) -> Rule:
    """The rule of a request's round `number`, from 0: drawn without replacement until all of them had their turn."""
    drawn = order(len(rules), f"rules:{stream(seed, 'rules')}:{request.key}")
    return rules[drawn[number % len(rules)]]


def _revised(speaker: Speaker, told: Sequence[Transcript], rules: Sequence[Rule], seed: int) -> list[Transcript]:
    """The transcripts with one more step, `rules[i]` being the rule of transcript i."""
    requests, number = [one.request for one in told], len(told[0].steps)
    asked = [_criticised(one, rule) for one, rule in zip(told, rules, strict=True)]
    critiques = speaker.replies(asked, _seeds(requests, seed, f"critique {number}"))
    asked = [then(*one) for one in zip(asked, critiques, (rule.revision for rule in rules), strict=True)]
    revisions = speaker.replies(asked, _seeds(requests, seed, f"revision {number}"))
    steps = [Step(*said) for said in zip(rules, critiques, revisions, strict=True)]
    return [replace(one, steps=(*one.steps, step)) for one, step in zip(told, steps, strict=True)]


def _criticised(one: Transcript, rule: Rule) -> Conversation:
    return then(one.request.turns, one.answers[-1], rule.critique)


def _seeds(requests: Sequence[TrainingPrompt], seed: int, part: str) -> list[int]:
    return [stream(seed, f"{part} of {request.key}") for request in requests]
