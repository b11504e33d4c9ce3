from collections.abc import Callable

import pytest
from hydra import compose, initialize_config_module

from tunegrid.config import register_components, resolve
from tunegrid.data import Example, Template
from tunegrid.model.byte_tokenizer import byte_tokenizer
from tunegrid.prompt import Prompt

# ChatML as small instruction models use it, with <s> and </s> for its marks.
CHATML = (
    "{% for m in messages %}{% if loop.first and m.role != 'system' %}<s>system\nBe kind.</s>\n{% endif %}"
    "<s>{{ m.role }}\n{{ m.content }}</s>\n{% endfor %}{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)


@pytest.fixture
def plain():
    return byte_tokenizer(end_appended=False, longest=4096)


@pytest.fixture
def chat(plain):
    plain.chat_template = CHATML
    return plain


@pytest.fixture
def template() -> Template:
    return Template(input="{{ mr }}", target="{{ reference }}", others={})


@pytest.fixture
def example() -> Example:
    return Example("f:1", {"mr": "name[A]"}, ("It is A.", "A it is."))


@pytest.fixture
def make_prompt() -> Callable[..., Prompt]:
    def make(option: str, *overrides: str) -> Prompt:
        register_components()
        with initialize_config_module("tunegrid.conf", version_base="1.3"):
            return resolve(compose(overrides=[f"+prompt={option}", *overrides]).prompt)

    return make
