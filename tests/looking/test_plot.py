"""`dbatch plot`: a picture of one job's fills."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree

from dbatch.errors import OutputError, UsageError
from dbatch.looking.plot import place_of, plot

pytest.importorskip("matplotlib")
Run = Callable[..., Any]
PNG = b"\x89PNG\r\n\x1a\n"


def test_the_fills_of_a_run_folder_of_a_batch_are_drawn(batch: Path, dbatch: Run, tmp_path: Path) -> None:
    drawn = dbatch("plot", batch / "runs" / "0001_size_20", "CCC")

    assert (drawn.returncode, drawn.stdout) == (0, "CCC.png\n")
    assert (tmp_path / "CCC.png").read_bytes().startswith(PNG)


def test_a_batch_is_drawn_run_by_run(batch: Path, tmp_path: Path) -> None:
    svg = plot(place_of(batch, "size_30"), "A/B", tmp_path / "a.svg").read_text()

    assert "<svg" in svg
    with pytest.raises(UsageError, match="name one with --run"):
        plot(place_of(batch), "A/B", tmp_path / "a.png")


@pytest.mark.parametrize("place", [0, 1, 6, 7, 14])
def test_a_hostile_name_is_drawn_as_text_into_the_file_that_was_named(
    hostile: Path, hostile_names: tuple[str, ...], tmp_path: Path, place: int
) -> None:
    name = hostile_names[place]

    tree = ElementTree.parse(plot(place_of(hostile, str(place)), name, tmp_path / "x.svg"))

    tags = {element.tag.rpartition("}")[2].lower() for element in tree.iter()}
    attributes = {name.lower() for element in tree.iter() for name in element.attrib}
    assert not tags & {"script", "img", "image", "a", "foreignobject"}
    assert not [name for name in attributes if name.startswith("on")]
    assert [path.name for path in tmp_path.iterdir()] == ["x.svg"]


def test_a_hostile_security_names_no_file_elsewhere(
    hostile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")

    path = plot(place_of(hostile, "../../x"), "../../x")

    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path.absolute()]
    assert path.absolute().parent == tmp_path / "a" / "b"


@pytest.mark.parametrize(
    ("security", "target", "said"),
    [("CCD", "a.png", "did you mean 'CCC'"), ("CCC", "a.exe", "must end in .png, .svg, .pdf")],
)
def test_what_cannot_be_drawn_is_refused(batch: Path, tmp_path: Path, security: str, target: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        plot(place_of(batch, "size_20"), security, tmp_path / target)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="holds no run"):
        place_of(tmp_path)


def test_without_the_package_the_error_says_what_to_install(
    batch: Path, dbatch: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    refused = dbatch("plot", batch, "CCC", "--run", "size_20")

    assert refused.returncode == 2
    assert "pip install 'dbatch[plot]'" in refused.stderr
