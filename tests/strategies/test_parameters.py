from typing import Annotated, Literal, NamedTuple

import numpy as np
import pytest
from annotated_types import Ge, Gt, Le

from dbatch.errors import ConfigError
from dbatch.strategies.parameters import REQUIRED, accepted_each, describe, looks_at_values_alone, validate


class Parameters(NamedTuple):
    quote_size: Annotated[int, Ge(0), "shares", "size of each quote"] = 50_000
    max_notional: Annotated[float | None, Gt(0), "currency", "limit of the position"] = None
    stop_pct: Annotated[float, Gt(0), Le(100), "per cent"] = 2.0
    side: Literal["buy", "sell"] = "buy"
    levels: tuple[int, ...] = ()
    copy: bool = False


class Needed(NamedTuple):
    size: int


class ByName(NamedTuple):
    size: int | None = None

    def for_security(self, security):
        return self if self.size is not None else self._replace(size=len(security))


class Checking(Parameters):
    def __new__(cls, **values):
        return super().__new__(cls, **values)


def faults_of(values, parameters=Parameters):
    with pytest.raises(ConfigError) as caught:
        validate(parameters, {"ADIB": values}, "c.json")
    return caught.value.faults


def accepted(**values):
    return validate(Parameters, {"ADIB": values}, "c.json")["ADIB"]


def test_describe_reads_type_limit_unit_default_and_description():
    first, second, third, *_ = describe(Parameters)
    assert (first.name, first.type, first.unit) == ("quote_size", "int >= 0", "shares")
    assert (first.default, first.description) == (50_000, "size of each quote")
    assert second.type == "float > 0 or none"
    assert third.type == "float > 0 and <= 100"


def test_describe_marks_what_has_no_default():
    assert describe(Needed)[0].default == REQUIRED


def test_sections_become_instances_with_defaults():
    assert validate(Parameters, {"A": {"quote_size": 5}, "B": {}}, "c") == {
        "A": Parameters(quote_size=5),
        "B": Parameters(),
    }


def test_a_whole_float_is_an_int():
    size = accepted(quote_size=1900.0).quote_size
    assert (size, type(size)) == (1900, int)


def test_an_int_is_a_float():
    limit = accepted(max_notional=5).max_notional
    assert (limit, type(limit)) == (5.0, float)


def test_numpys_numbers_are_numbers():
    values = accepted(quote_size=np.int64(5), stop_pct=np.float64(1.5))
    assert (type(values.quote_size), type(values.stop_pct)) == (int, float)


def test_a_list_is_a_tuple():
    assert accepted(levels=[1, 2.0]).levels == (1, 2)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"quote_size": True}, "ADIB.quote_size: must be int >= 0, is True (bool)"),
        ({"quote_size": 1.5}, "ADIB.quote_size: must be int >= 0, is 1.5"),
        ({"quote_size": "5"}, "ADIB.quote_size: must be int >= 0, is '5' (str)"),
        ({"quote_size": -1}, "ADIB.quote_size: must be int >= 0, is -1"),
        ({"quote_size": None}, "ADIB.quote_size: must be int >= 0, is none"),
        ({"stop_pct": False}, "ADIB.stop_pct: must be float > 0 and <= 100, is False (bool)"),
        ({"stop_pct": float("nan")}, "ADIB.stop_pct: must be float > 0 and <= 100, is nan (float)"),
        ({"max_notional": float("inf")}, "ADIB.max_notional: must be float > 0 or none, is inf (float)"),
        ({"max_notional": 0}, "ADIB.max_notional: must be float > 0 or none, is 0"),
        ({"side": "hold"}, "ADIB.side: must be 'buy' or 'sell', is 'hold' (str)"),
        ({"copy": 1}, "ADIB.copy: must be bool, is 1"),
        ({"levels": [1, "x"]}, "ADIB.levels: must be tuple[int, ...], is [1, 'x'] (list) at [1]"),
        ({"quote_sise": 5}, "ADIB.quote_sise: unknown parameter; did you mean 'quote_size'?"),
    ],
)
def test_what_does_not_fit_is_said_with_its_path(values, fault):
    assert faults_of(values) == (fault,)


def test_an_unknown_parameter_like_none_lists_those_there_are():
    assert faults_of({"zzz": 5}, Needed)[0] == "ADIB.zzz: unknown parameter; known: size"


def test_a_missing_parameter_without_default_is_required():
    assert faults_of({}, Needed) == ("ADIB.size: is required",)


def test_the_faults_of_all_sections_come_together():
    with pytest.raises(ConfigError) as caught:
        validate(Parameters, {"A": {"quote_size": "x"}, "B": {"copy": 0, "x": 1}}, "c.json")
    assert len(caught.value.faults) == 3


def test_a_fault_that_many_sections_share_is_said_once():
    with pytest.raises(ConfigError) as caught:
        validate(Parameters, {name: {"quote_size": "x"} for name in "ABCDE"}, "c.json")
    assert caught.value.faults == ("A.quote_size: must be int >= 0, is 'x' (str) (and 4 more securities)",)


def said_of(sections, overrides):
    with pytest.raises(ConfigError) as caught:
        validate(Parameters, sections, "c.json", overrides)
    return str(caught.value)


def test_a_fault_that_was_set_by_hand_names_what_set_it_once_and_no_file():
    hold = {"hold": 3}
    assert said_of({"A": hold, "B": hold}, hold) == (
        "--set hold: unknown parameter; known: quote_size, max_notional, stop_pct, side, levels, copy"
    )


def test_faults_that_were_set_by_hand_come_together():
    values = {"quote_sise": 3, "copy": 2}
    assert said_of({"A": values, "B": values}, values).splitlines() == [
        "--set: 2 faults",
        "  --set quote_sise: unknown parameter; did you mean 'quote_size'?",
        "  --set copy: must be bool, is 2",
    ]


def test_what_was_set_for_one_security_is_named_as_it_was_written():
    sections = {"Adib": {"copy": 2}, "B": {"copy": 3}}
    assert said_of(sections, {"copy": 3, "adib.copy": 2}).splitlines()[1:] == [
        "  --set adib.copy: must be bool, is 2",
        "  --set copy: must be bool, is 3",
    ]


def test_faults_of_the_file_are_told_beside_those_set_by_hand():
    assert said_of({"A": {"side": "hold", "copy": 2}, "B": {"copy": 2}}, {"copy": 2}).splitlines() == [
        "c.json and --set: 2 faults",
        "  A.side: must be 'buy' or 'sell', is 'hold' (str)",
        "  --set copy: must be bool, is 2",
    ]


def test_a_fault_of_the_file_alone_names_the_file_alone():
    assert said_of({"A": {"side": "hold", "copy": True}}, {"copy": True}) == (
        "c.json: A.side: must be 'buy' or 'sell', is 'hold' (str)"
    )


def test_what_is_not_set_may_follow_from_the_securitys_name():
    assert validate(ByName, {"ADIB": {}, "IHC": {"size": 9}}, "c") == {"ADIB": ByName(4), "IHC": ByName(9)}


@pytest.mark.parametrize(("parameters", "alone"), [(Parameters, True), (ByName, False), (Checking, False)])
def test_values_are_looked_at_alone_but_where_a_class_makes_its_instances_itself(parameters, alone):
    assert looks_at_values_alone(parameters) is alone


def test_values_of_one_parameter_are_kept_as_those_of_a_whole_section():
    assert accepted_each(Parameters, "levels", [[1, 2.0], []]) == [(1, 2), ()]


def test_of_values_with_a_fault_none_is_kept():
    assert accepted_each(Parameters, "quote_size", [1, -1]) is None
