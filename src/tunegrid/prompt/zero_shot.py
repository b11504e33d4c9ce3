"""`prompt=zero_shot`: the example alone."""

from dataclasses import dataclass

from tunegrid.config import schema
from tunegrid.data import Example, Template, Turn
from tunegrid.prompt import Prompt, asked, opened


@schema("prompt", "zero_shot")
@dataclass(kw_only=True, slots=True)
class ZeroShot(Prompt):
    """The example alone, after the system message where there is one."""

    def turns(self, template: Template, example: Example) -> tuple[Turn, ...]:
        """The system message and what is asked. A conversation's own system message comes instead of ours."""
        return opened(self.system, asked(template, example))
