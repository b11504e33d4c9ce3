import pytest

from tunegrid.data import Template
from tunegrid.errors import ConfigError


def template(source, target="{{ reference }}"):
    return Template(input=source, target=target)


def test_sides_are_rendered_over_the_fields():
    both = template("{% if input %}{{ mr }}: {{ input }}{% endif %}\n", " {{ reference | upper }}")
    assert both.input_text({"mr": "a", "input": "b"}) == "a: b\n"
    assert both.target_text({}, "x") == " X"


def test_text_is_not_escaped_and_braces_in_data_are_not_rendered():
    assert template("{{ mr }}").input_text({"mr": "<a> & {{ 7 * 7 }}"}) == "<a> & {{ 7 * 7 }}"


def test_a_missing_column_is_named_with_the_known_ones():
    with pytest.raises(
        ConfigError, match=r"data\.template\.input: unknown column 'promt'; did you mean prompt; known: id, prompt"
    ):
        template("{{ promt }}").input_text({"prompt": "x", "id": "1"})


def test_the_reference_is_no_column_of_the_prompt():
    with pytest.raises(ConfigError, match=r"data\.template\.input: unknown column 'reference'"):
        template("{{ reference }}").input_text({"mr": "x"})


@pytest.mark.parametrize("source", ["{{ mr", "{% if %}", "{{ mr | no_such_filter }}"])
def test_bad_syntax_is_found_with_the_config(source):
    with pytest.raises(ConfigError, match=r"data\.template\.input "):
        template(source).input_text({"mr": "x"})


@pytest.mark.parametrize(
    "source", ["{{ mr.__class__.__mro__ }}", "{{ ''.__class__.__base__.__subclasses__() }}", "{{ mr / 0 }}"]
)
def test_templates_reach_nothing_but_the_fields(source):
    with pytest.raises(ConfigError, match=r"data\.template\.input"):
        template(source).input_text({"mr": "x"})
