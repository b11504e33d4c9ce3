"""Who is asked what, in which round, by which rule."""

from collections import Counter

from constitution.scripted import RULES, Scripted, request

from tunegrid.constitution.revision import rule_of, transcripts

NAMES = "pqrs"


def test_every_request_is_drafted_criticised_and_revised_by_a_rule_a_round() -> None:
    speaker, requests = Scripted(), [request(name) for name in NAMES]
    told = transcripts(speaker, requests, RULES, rounds=2, seed=3)
    assert [len(asked) for asked in speaker.asked] == [4] * 5  # passes over all requests at once
    for place, (name, one) in enumerate(zip(NAMES, told, strict=True)):
        first, second = (rule_of(RULES, one.request, number, 3) for number in range(2))
        begin = f"s: be brief | u: ask {name}"
        assert [asked[place] for asked in speaker.asked] == [
            begin,
            f"{begin} | a: [ask {name}] | u: {first.critique}",
            f"{begin} | a: [ask {name}] | u: {first.critique} | a: [{first.critique}] | u: {first.revision}",
            f"{begin} | a: [{first.revision}] | u: {second.critique}",
            f"{begin} | a: [{first.revision}] | u: {second.critique} | a: [{second.critique}] | u: {second.revision}",
        ]
        assert [step.rule for step in one.steps] == [first, second]
        assert [step.critique.text for step in one.steps] == [f"[{first.critique}]", f"[{second.critique}]"]
        assert [answer.text for answer in one.answers] == [
            f"[ask {name}]",
            f"[{first.revision}]",
            f"[{second.revision}]",
        ]


def test_nothing_of_a_request_is_read_at_another() -> None:
    speaker = Scripted()
    transcripts(speaker, [request(name) for name in NAMES], RULES, rounds=3, seed=0)
    for asked in speaker.asked:
        for name, conversation in zip(NAMES, asked, strict=True):
            assert not any(f"ask {other}" in conversation for other in NAMES if other != name)


def test_what_is_drawn_for_a_request_depends_on_its_key_and_the_seed_alone() -> None:
    all_of, one_of, other = Scripted(), Scripted(), Scripted()
    whole = transcripts(all_of, [request(name) for name in NAMES], RULES, rounds=2, seed=0)
    (alone,) = transcripts(one_of, [request("r")], RULES, rounds=2, seed=0)
    transcripts(other, [request("r")], RULES, rounds=2, seed=1)
    assert alone == whole[2]
    assert [seeds[2] for seeds in all_of.seeds] == [seeds[0] for seeds in one_of.seeds]
    drawn = [seed for seeds in (*all_of.seeds, *other.seeds) for seed in seeds]
    assert len(set(drawn)) == len(drawn)


def test_no_rule_comes_twice_before_all_have_come_and_each_is_as_likely_as_any() -> None:
    begins: Counter[str] = Counter()
    for number in range(600):
        one = request(f"{number}")
        names = [rule_of(RULES, one, place, 0).name for place in range(6)]
        assert sorted(names[:3]) == ["a", "b", "c"] and names[3:] == names[:3]
        begins[names[0]] += 1
    assert all(160 < count < 240 for count in begins.values())  # 200 ± 3.5 standard deviations


def test_without_a_round_there_is_a_draft_alone() -> None:
    speaker = Scripted()
    (one,) = transcripts(speaker, [request("p")], RULES, rounds=0, seed=0)
    assert one.steps == () and len(speaker.asked) == 1
