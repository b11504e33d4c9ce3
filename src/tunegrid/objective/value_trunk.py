"""What expects a policy's rewards: a model of its own, so that learning values moves no policy. Imports torch."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, cast

from torch import Tensor, nn

from tunegrid.adaptation.attached import Attached
from tunegrid.adaptation.scalar_head import ScalarHead
from tunegrid.method import Alone
from tunegrid.pack.batch import CellRows, Row
from tunegrid.pack.forward import Forward
from tunegrid.pack.pack import Member, Pack
from tunegrid.pack.route import Router
from tunegrid.seeds import stream


@dataclass(frozen=True, slots=True)
class ValueTrunk:
    """A second set of the cell's trainable parameters, and a head that starts at 0."""

    pack: Pack
    forward: Forward
    router: Router
    attached: Attached
    head: ScalarHead

    @classmethod
    def of(cls, pack: Pack, member: Member) -> "ValueTrunk":
        """Beside the policy's adapter on the same base; a method that shares no base gets a copy of the model."""
        head = ScalarHead.on(pack.base, 0.0, seed=0)
        if not isinstance(member.method.pack_family(), Alone):
            own = replace(member, name=f"{member.name}_value", seed=stream(member.seed, "value"))
            pack.add(own)
            return cls(pack, pack.forward, pack.router, pack.attached[own.name], head)
        adapted, base, router = deepcopy((pack.adapted, pack.base, pack.router))
        attached = Attached(pack.attached[member.name].adaptation, adapted, member.name)
        return cls(pack, replace(cast(Any, pack.forward), model=base), router, attached, head)

    def trainable(self) -> dict[str, nn.Parameter]:
        """The trunk's parameters and the head's, by name."""
        return {**self.attached.trainable(), **{f"head/{key}": p for key, p in self.head.named_parameters()}}

    def values(self, rows: Sequence[Row]) -> Tensor:
        """(L,) what is expected of each response before each of its tokens, row after row."""
        cell = CellRows(self.attached.name, self.pack.own_rows(self.attached.name, rows), None)
        batch = self.forward.collate([cell])
        with self.router.over(*batch.shares):
            return self.head(self.forward.states(batch))
