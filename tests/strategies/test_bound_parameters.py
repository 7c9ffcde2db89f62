"""The parameters of a run: which of its sources a fault is told of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dbatch.batch import RunRequest, make_plan
from dbatch.errors import ConfigError


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with a configuration of v1_baseline that is right."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "configs" / "v1_baseline_config.json"
    file.parent.mkdir()
    file.write_text('{"default": {"quote_size": 5}}')
    return file


def said(**overrides: Any) -> str:
    """Return why a run of v1_baseline over the sample's three securities is not begun."""
    with pytest.raises(ConfigError) as caught:
        make_plan(
            RunRequest("v1_baseline", overrides={key.replace("__", "."): value for key, value in overrides.items()})
        )
    return str(caught.value)


def test_beside_a_config_file_a_fault_of_set_names_set_once(configured: Path) -> None:
    assert said(quote_sise=3) == "--set quote_sise: unknown parameter; did you mean 'quote_size'?"


def test_beside_a_config_file_a_security_that_was_set_and_is_not_there_names_set(configured: Path) -> None:
    assert said(ALFFA__quote_size=3) == "--set: ALFFA.quote_size: no security 'ALFFA'; did you mean 'ALFA'?"


def test_a_fault_of_the_file_names_the_file(configured: Path) -> None:
    configured.write_text('{"ALFA": 3}')
    assert said(quote_size=3).startswith("configs/v1_baseline_config.json: ALFA: must be a mapping of parameters")


def test_faults_of_both_name_both(configured: Path) -> None:
    configured.write_text('{"ALFA": {"quote_size": "x"}}')
    assert said(refil=3).splitlines()[0] == "configs/v1_baseline_config.json and --set: 2 faults"
