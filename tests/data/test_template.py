import pytest

from tunegrid.data import Template
from tunegrid.data.template import render
from tunegrid.data.wording import read_wording, shipped_wordings
from tunegrid.errors import ConfigError


def template(source, target="{{ reference }}", others=None):
    return Template(input=source, target=target, others=others or {})


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


def test_wordings_are_mixed_by_weight_and_the_same_for_both_sides(tmp_path):
    (tmp_path / "own.jinja").write_text(
        "{% block input %}\nOWN {{ mr }}\n{% endblock %}{% block target %}own {{ reference }}{% endblock %}"
    )
    mixed = template("first {{ mr }}", "first {{ reference }}", {"facts/tell": 2, f"{tmp_path}/own.jinja": 1})
    rows = [(mixed.input_text({"mr": str(i)}), mixed.target_text({"mr": str(i)}, "x")) for i in range(4000)]
    assert {asked.split()[0] + answer.split()[0] for asked, answer in rows} == {"firstfirst", "OWNown", "Tellx"}
    shares = [sum(asked.startswith(word) for asked, _ in rows) / 4000 for word in ("first", "Tell", "OWN")]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.03)  # 4 standard errors
    assert rows[0] == (mixed.input_text({"mr": "0"}), mixed.target_text({"mr": "0"}, "x"))


@pytest.mark.parametrize("name", shipped_wordings())
def test_every_shipped_wording_asks_with_its_columns_and_answers_with_the_reference(name):
    columns = {"question", "prompt", "mr", "dialogue", "sentence", "premise", "hypothesis"}
    wording = read_wording(name)
    assert "<<x>>" in render("", wording.input, dict.fromkeys(columns, "<<x>>"))
    assert render("", wording.target, {"reference": "<<x>>"}) == "<<x>>"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{% block input %}a{% endblock %}", r"own\.jinja has no block target; add \{% block target %\}"),
        ("{% block input %}{{ a{% endblock %}{% block target %}b{% endblock %}", r"the input of .*own\.jinja must be"),
        (b"\xe9", r"own\.jinja: .*; name a file in UTF-8"),
    ],
)  # fmt: skip
def test_a_bad_wording_is_refused(tmp_path, source, message):
    (tmp_path / "own.jinja").write_bytes(source if isinstance(source, bytes) else source.encode())
    with pytest.raises(ConfigError, match=message):
        template("a", others={f"{tmp_path}/own.jinja": 1})


def test_unknown_wordings_and_weights_are_refused():
    with pytest.raises(
        ConfigError, match=r"data\.template\.others: unknown wording 'facts/tel'; did you mean facts/tell"
    ):
        template("a", others={"facts/tel": 1})
    with pytest.raises(ConfigError, match=r"data\.template\.others\.facts/tell must have a weight above 0, got 0"):
        template("a", others={"facts/tell": 0})


def test_a_wording_s_file_is_part_of_the_data_s_identity(make_data, tmp_path):
    def identity(word):
        place = tmp_path / f"{word}.jinja"
        place.write_text(f"{{% block input %}}{word[:3]}{{% endblock %}}{{% block target %}}b{{% endblock %}}")
        return make_data("restaurants", f"+data.template.others={{{place}: 1}}").identity()

    assert identity("one") == identity("one again") != identity("two")
    assert make_data("restaurants").identity() not in (identity("one"), identity("two"))
