import pytest

from dbatch.config.files import load_document, load_mapping
from dbatch.errors import ConfigError


@pytest.fixture
def load(tmp_path):
    """Load a text as a file of the given name."""

    def _load(name, text):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return load_mapping(tmp_path / name)

    return _load


@pytest.fixture
def fault(load, tmp_path):
    """Return what is said about a text, without its folder."""

    def _fault(name, text):
        with pytest.raises(ConfigError) as caught:
            load(name, text)
        return str(caught.value).replace(f"{tmp_path}/", "")

    return _fault


def test_json_is_read(load):
    assert load("a.json", '{"ADIB": {"quote_size": 5, "x": [1.5, null]}}') == {
        "ADIB": {"quote_size": 5, "x": [1.5, None]}
    }


def test_yaml_is_read(load):
    assert load("a.yaml", "ADIB:\n  quote_size: 5\n  x: [1.5, null]\n") == {"ADIB": {"quote_size": 5, "x": [1.5, None]}}


def test_a_byte_order_mark_is_accepted(load):
    assert load("a.json", '\ufeff{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ON", "ON"),
        ("no", "no"),
        ("10:00", "10:00"),
        ("2025-01-31", "2025-01-31"),
        ("010", "010"),
        ("1_000_000", 1_000_000),
        ("5e6", 5e6),
        ("-1.5", -1.5),
        ("true", True),
        ("~", None),
        ("", None),
        (".nan", ".nan"),
    ],
)
def test_yaml_scalars_are_jsons(load, text, value):
    assert load("a.yml", f"a: {text}\n") == {"a": value}


def test_yaml_keys_are_text(load):
    assert load("a.yml", "NO: {}\n7203: {}\n") == {"NO": {}, "7203": {}}


def test_a_key_given_twice_in_json_is_refused_at_its_place(fault):
    text = '{"A": {"x": 1},\n "B": {"x": 1, "y": "x",\n  "x": 2}}'
    assert fault("a.json", text) == "a.json: B.x (line 3): is given twice, first on line 2"


def test_a_key_given_twice_in_yaml_is_refused_at_its_place(fault):
    assert fault("a.yaml", "A: {}\nA: {}\n") == "a.yaml: A (line 2): is given twice, first on line 1"


@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
def test_all_keys_given_twice_are_said_at_once(fault, name):
    text = """{
  "a": [0, {"b": 1, "c": {}, "b": "{,:"},
        {"b": 2}],
  "d": {"e": [[], 5], "a": 1, "d": 1,
    "e": 2},
  "a": {"f": 1,
    "f": 1},
  "d": 1,
  "d": 1
}"""
    assert fault(name, text).splitlines() == [
        f"{name}: 6 faults",
        "  a[1].b (line 2): is given twice, first on line 2",
        "  d.e (line 5): is given twice, first on line 4",
        "  a (line 6): is given twice, first on line 2",
        "  a.f (line 7): is given twice, first on line 6",
        "  d (line 8): is given twice, first on line 4",
        "  d (line 9): is given twice, first on line 4",
    ]


@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
def test_of_a_key_given_twice_the_first_value_is_what_the_document_says(tmp_path, name):
    (tmp_path / name).write_text('{"a": 1, "b": {"c": 2, "c": 3}, "a": 4}')
    assert load_document(tmp_path / name).mapping == {"a": 1, "b": {"c": 2}}


def test_the_same_key_in_two_mappings_is_given_once_each(load):
    assert load("a.json", '{"a": {"x": 1}, "b": [{"x": 1}, {"x": 1}]}') == {"a": {"x": 1}, "b": [{"x": 1}, {"x": 1}]}
    assert load("a.yaml", "a: {x: 1}\nb: [{x: 1}, {x: 1}]\n") == {"a": {"x": 1}, "b": [{"x": 1}, {"x": 1}]}


def test_a_fault_in_json_names_its_place(fault):
    assert fault("a.json", '{"a": 1,\n "b" 2}').startswith("a.json:2:6: is not JSON: expecting ':'")


def test_a_fault_in_yaml_names_its_place(fault):
    assert fault("a.yaml", "a: 1\nb: [1,\n").startswith("a.yaml:3:1: is not YAML: ")


def test_nan_in_json_is_refused_at_its_place(fault):
    assert fault("a.json", '{"a": NaN}') == "a.json:1:7: NaN is not a JSON number"


def test_yaml_aliases_are_refused(fault):
    assert fault("a.yaml", "a: &x {}\nb: *x\n") == "a.yaml:2:4: aliases are not allowed"


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system [ls]", "!!binary aGk=", "!mine 1"])
def test_yaml_tags_are_refused(fault, tag):
    said = fault("a.yaml", f"a: {tag}\n")
    assert said.startswith("a.yaml:1:4: tag !")
    assert said.endswith("is not allowed")


@pytest.mark.parametrize(("name", "text"), [("a.json", "[]"), ("a.yaml", "- 1\n"), ("a.yaml", "")])
def test_what_is_no_mapping_is_refused(fault, name, text):
    assert fault(name, text).startswith(f"{name}:1:1: must be a mapping, is ")


@pytest.mark.parametrize(("name", "text"), [("a.json", '{"a":' * 100_000), ("a.yaml", "[" * 5_000)])
def test_deep_nesting_is_refused(fault, name, text):
    assert fault(name, text).startswith(f"{name}: is nested too deeply")


def test_a_second_yaml_document_is_refused(fault):
    assert "is not YAML" in fault("a.yaml", "a: 1\n---\nb: 1\n")


def test_a_large_file_is_refused(fault):
    assert "must be at most 10,485,760" in fault("a.json", " " * (10 * 1024 * 1024 + 1))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_mapping(tmp_path / "a.json")


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"must be a \.json, \.yaml or \.yml file"):
        load_mapping(tmp_path / "a.toml")


def test_bytes_that_are_not_utf8_are_refused(tmp_path):
    (tmp_path / "a.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(ConfigError, match="must be UTF-8 text: byte 7 is not"):
        load_mapping(tmp_path / "a.json")
