"""The message trees of OpenAssistant (Köpf et al. 2023): the best conversation of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunegrid.data.record import RecordError
from tunegrid.data.record_format import Answered, Chat, RecordFormat

_ROLES = {"prompter": "user", "assistant": "assistant"}


@dataclass(frozen=True, slots=True)
class MessageTree(RecordFormat):
    """A prompt with replies, which have replies; at every fork the best ranked goes on, the first where none is."""

    name: str = "message trees"

    def fits(self, columns: Mapping[str, Any]) -> bool:
        """Whether `prompt` is a message with replies."""
        prompt = columns.get("prompt")
        return isinstance(prompt, dict) and "replies" in prompt

    def read(self, columns: Mapping[str, Any]) -> list[Answered]:
        """One answer for each turn of the assistant."""
        turns: list[dict[str, object]] = []
        message = columns.get("prompt")
        while message is not None:
            if not isinstance(message, dict) or message.get("role") not in _ROLES:
                raise RecordError(f"prompt: turn {len(turns) + 1} is no message of a prompter or an assistant; fix it")
            turns.append({"role": _ROLES[message["role"]], "content": message.get("text")})
            message = min(message.get("replies") or [], key=_rank, default=None)
        return Chat("", "prompt", "role", "content").read({"prompt": turns})


def _rank(reply: Any) -> float:
    rank = reply.get("rank") if isinstance(reply, dict) else None
    return float("inf") if rank is None else float(rank)
