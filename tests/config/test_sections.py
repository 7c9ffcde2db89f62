import pytest

from dbatch.config.overrides import parse_overrides
from dbatch.config.sections import expand
from dbatch.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ("[1, 2]", [1, 2]),
        ("ADX", "ADX"),
        ("NaN", "NaN"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_a_value_is_json_if_it_can_be_else_text(text, value):
    assert parse_overrides([f"key={text}"]) == {"key": value}


def test_all_faults_of_overrides_come_together():
    with pytest.raises(ConfigError) as caught:
        parse_overrides(["nothing", "=5", "a=1", "a=2", "b={}", ".x=1"])
    assert caught.value.faults == (
        "'nothing': must be KEY=VALUE or SECURITY.KEY=VALUE",
        "'=5': must be KEY=VALUE or SECURITY.KEY=VALUE",
        "a: is set twice",
        "b: must be a number, text, true, false, null or a list, is a mapping",
        "'.x=1': must be KEY=VALUE or SECURITY.KEY=VALUE",
    )


def test_default_then_section_then_set_for_all_then_set_for_one():
    config = {"default": {"a": 0, "b": 0, "c": 0, "d": 0}, "ADIB": {"b": 1, "c": 1, "d": 1}}
    sections = expand(config, {"c": 2, "d": 2, "ADIB.d": 3}, [])
    assert sections.mapping == {"ADIB": {"a": 0, "b": 1, "c": 2, "d": 3}}


def test_a_security_without_a_section_gets_defaults_and_what_is_set():
    assert expand({"default": {"a": 1}}, {"b": 2}, ["EMAAR"]).mapping == {"EMAAR": {"a": 1, "b": 2}}


def test_a_section_is_found_whatever_its_case_and_keeps_its_spelling():
    sections = expand({"Adib": {"a": 1}}, {"adib.a": 2}, ["ADIB"])
    assert sections.mapping == {"Adib": {"a": 2}}
    assert sections.name_in_config("ADIB") == "Adib"


def test_a_security_with_a_dot_can_be_set():
    assert expand({}, {"BRK.B.a": 2}, ["BRK.B"]).mapping == {"BRK.B": {"a": 2}}


def test_keys_with_an_underscore_are_comments():
    assert expand({"_note": "x", "A": {"_why": "y", "a": 1}}, {}, []).mapping == {"A": {"a": 1}}


def test_the_callers_config_is_left_as_it_is():
    config = {"default": {"a": 1}, "A": {}}
    expand(config, {"a": 5}, ["B"])
    assert config == {"default": {"a": 1}, "A": {}}


def test_all_faults_of_sections_come_together_with_their_source():
    with pytest.raises(ConfigError) as caught:
        expand({"ADIB": {}, "adib": {}, "quote_size": 5}, {"EMAR.a": 1}, ["EMAAR"], source="c.json")
    assert str(caught.value) == (
        "c.json: 3 faults\n"
        "  adib: differs from 'ADIB' only in case\n"
        "  quote_size: must be a mapping of parameters, is int; parameters of every security stand in a "
        "'default' section\n"
        "  EMAR.a: no security 'EMAR'; did you mean 'EMAAR'?"
    )
