from __future__ import annotations

from pathlib import Path

import pytest

from dbatch import ConfigError
from dbatch_portfolio.bundle import Bundle, bundle_of, bundle_text

WRITTEN = """
universe: sp500
factor_set: demo
horizon_days: 21
factors:
  - {name: rv_60, weight: 0.4, direction: negative}
  - {name: returns_12m, weight: 0.6}
options: {winsorize: false, zscore: true, neutralize_by: null}
"""


def faults(tmp_path: Path, text: str) -> tuple[str, ...]:
    (tmp_path / "bundle.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        bundle_text(str(tmp_path / "bundle.yaml"))
    return caught.value.faults


def test_a_bundle_is_read_from_yaml(tmp_path: Path) -> None:
    (tmp_path / "bundle.yaml").write_text(WRITTEN)
    found = bundle_of(bundle_text(str(tmp_path / "bundle.yaml")))
    assert found == Bundle(("rv_60", "returns_12m"), (0.4, 0.6), (-1.0, 1.0), None, True)


def test_all_faults_of_a_bundle_come_at_once(tmp_path: Path) -> None:
    text = """
factors:
  - {name: value, weight: 0.4}
  - {name: rv_20, weight: x, direction: down}
options: {winsorize_limits: [0.5, 0.2], neutralize_by: sector, color: red}
colour: red
"""
    found = " | ".join(faults(tmp_path, text))
    for part in (
        "colour: unknown",
        "'value'",
        "factors[1].weight",
        "'down'",
        "options.winsorize_limits",
        "neutralize_by",
        "color",
        "add up to 0.4",
    ):
        assert part in found


@pytest.mark.parametrize(("weight", "is_sound"), [(0.39, True), (0.38, False), (0.41, True), (0.42, False)])
def test_weights_add_up_to_one_within_a_hundredth(tmp_path: Path, weight: float, is_sound: bool) -> None:
    text = WRITTEN.replace("0.4,", f"{weight},")
    if is_sound:
        (tmp_path / "bundle.yaml").write_text(text)
        assert bundle_text(str(tmp_path / "bundle.yaml"))
    else:
        assert "weights add up to" in faults(tmp_path, text)[0]


def test_a_bundle_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read as YAML: No such file"):
        bundle_text(str(tmp_path / "none.yaml"))
