"""`dbatch plot`: a picture of one job's fills."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from defusedxml import ElementTree

from dbatch.batch.single import RunRequest, run
from dbatch.data.sample import sample_path
from dbatch.engine.execute import Execution
from dbatch.errors import OutputError, UsageError
from dbatch.looking.plot import place_of, plot
from dbatch.looking.prices import Prices, each_pixel

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


@pytest.fixture
def ran(tmp_path: Path) -> tuple[Path, Path]:
    """A run's folder, and that of its data: a strategy's fills over the sample."""
    data = tmp_path / "ticks"
    shutil.copytree(sample_path(), data)
    request = RunRequest("v1_baseline", str(data), output_dir=str(tmp_path / "run"), execution=Execution(serial=True))
    return run(request).output_dir, data


def market_of(svg: Path) -> list[Any]:
    return [element for element in ElementTree.parse(svg).iter() if element.get("id") == "market"]


def test_the_price_lies_under_the_fills(ran: tuple[Path, Path], tmp_path: Path) -> None:
    said: list[str] = []

    drawn = plot(place_of(ran[0]), "VETA", tmp_path / "a.svg", said.append)

    assert (len(market_of(drawn)), said) == (1, [])


@pytest.mark.parametrize("gone", [True, False])
def test_without_its_data_a_line_says_that_no_price_is_drawn(
    ran: tuple[Path, Path], tmp_path: Path, dbatch: Run, *, gone: bool
) -> None:
    folder, data = ran
    for path in data.iterdir():
        if gone:
            path.unlink()
        else:
            path.write_bytes(path.read_bytes() + b"\n")

    drawn = dbatch("plot", folder, "VETA", "-o", tmp_path / "a.svg")

    assert drawn.returncode == 0
    assert market_of(tmp_path / "a.svg") == []
    (line,) = drawn.stderr.splitlines()
    assert line.startswith("note: VETA: no market prices are drawn: ")
    assert ("changed since" in line) is not gone


def test_a_pixel_has_its_lowest_and_its_highest_price() -> None:
    rng = np.random.default_rng(1)
    times, values = np.sort(rng.integers(0, 10**15, 50_000)), rng.normal(10, 1, 50_000)

    thin = each_pixel(Prices(times, values), pixels=100)

    assert len(thin.times) == 200
    assert (np.diff(thin.times) >= 0).all()
    for pixel in range(100):
        width = times[-1] - times[0] + 1
        here, there = ((each - times[0]) * 100 // width == pixel for each in (times, thin.times))
        assert (values[here].min(), values[here].max()) == (thin.values[there].min(), thin.values[there].max())


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
