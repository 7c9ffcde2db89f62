import dataclasses
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from dbatch.errors import StrategyError
from dbatch.model import StrategyRef
from dbatch.plugins.discovery import resolve
from dbatch.plugins.hashing import shipped_files
from dbatch.plugins.loading import make_handler
from dbatch.plugins.shipping import localise, pack, unpack


@pytest.fixture
def ref(package_tree):
    return resolve("v1_baseline", [str(package_tree)], entry_points=[]).ref


@pytest.mark.parametrize("below", ["..", ".", "v1_baseline", "v1_baseline/handler.py"])
def test_a_shipped_package_runs_where_its_path_is_gone(package_tree, tmp_path, below):
    path = str(package_tree / below)
    shipped = pickle.loads(pickle.dumps(pack(resolve("v1_baseline", [path], entry_points=[]).ref)))
    shutil.rmtree(package_tree.parent)
    unpacked = unpack(shipped, tmp_path / "cache")
    assert (unpacked.root or "").startswith(str(tmp_path / "cache" / "strategies" / unpacked.source_hash))
    assert make_handler(unpacked, {})("ADIB", [1], None, {})["seen"] == 1


def test_a_shipped_single_file_takes_what_it_imports_along(tmp_path, write):
    text = "import rules\n\n\ndef create_a_handler(config):\n    return lambda: rules.X\n"
    home = write(tmp_path / "home", {"a.py": text, "rules.py": "X = 3\n", "unused.py": ""})
    shipped = pack(resolve("a", [str(home / "a.py")], entry_points=[]).ref)
    shutil.rmtree(home)
    assert sorted(shipped.files) == ["a.py", "rules.py"]
    assert make_handler(unpack(shipped, tmp_path / "cache"), {})() == 3


def test_unpacking_twice_gives_the_same_and_writes_nothing_new(ref, tmp_path):
    shipped = pack(ref)
    first = unpack(shipped, tmp_path)
    inodes = {path: path.stat().st_ino for path in (tmp_path / "strategies").rglob("*.py")}
    assert unpack(shipped, tmp_path) == first
    assert {path: path.stat().st_ino for path in (tmp_path / "strategies").rglob("*.py")} == inodes


def test_an_unpacking_that_was_changed_is_written_again(ref, tmp_path):
    shipped = pack(ref)
    unpacked = unpack(shipped, tmp_path)
    next((tmp_path / "strategies").rglob("strategy.py")).write_text("")
    assert unpack(shipped, tmp_path) == unpacked
    assert callable(make_handler(unpacked, {}))


def test_unpacking_leaves_no_scratch_files(ref, tmp_path):
    unpacked = unpack(pack(ref), tmp_path)
    assert [path.name for path in (tmp_path / "strategies" / unpacked.source_hash).iterdir()] == ["strategies"]


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil.py", "a/../../evil.py", "C:\\evil.py", "..\\evil.py"])
def test_a_file_name_that_leaves_the_folder_is_refused(ref, tmp_path, name):
    shipped = dataclasses.replace(pack(ref), files={name: b""})
    with pytest.raises(StrategyError, match="leaves its folder"):
        unpack(shipped, tmp_path)


def test_a_folder_name_that_leaves_the_cache_is_refused(ref, tmp_path):
    with pytest.raises(StrategyError, match="leaves its folder"):
        unpack(dataclasses.replace(pack(ref), folder="../.."), tmp_path)


def test_files_without_the_planned_hash_are_refused(ref, tmp_path):
    shipped = pack(ref)
    changed = dataclasses.replace(shipped, files={**shipped.files, "base_strategy.py": b""})
    with pytest.raises(StrategyError, match="do not have the planned hash"):
        unpack(changed, tmp_path)


def test_packing_files_that_changed_since_the_plan_is_refused(ref, package_tree):
    (package_tree / "base_strategy.py").write_text("")
    with pytest.raises(StrategyError, match="files changed since the run was planned"):
        pack(ref)


def test_where_the_path_holds_the_same_files_it_is_used(ref, tmp_path):
    assert localise(pack(ref), tmp_path) == ref
    assert not (tmp_path / "strategies").exists()


def test_where_the_path_holds_other_files_the_shipped_ones_are_used(ref, package_tree, tmp_path):
    shipped = pack(ref)
    (package_tree / "base_strategy.py").write_text("")
    assert localise(shipped, tmp_path) == unpack(shipped, tmp_path)


def test_an_installed_strategy_ships_no_files(tmp_path):
    installed = StrategyRef("m", "create_m_handler", "pkg.m", None, "pkg 1.0", "hash")
    assert pack(installed).files == {}
    assert unpack(pack(installed), tmp_path) == installed


def test_many_unpacking_at_once_all_get_a_whole_strategy(ref, tmp_path):
    shipped = pack(ref)
    with ThreadPoolExecutor(8) as pool:
        unpacked = list(pool.map(lambda _: unpack(shipped, tmp_path), range(32)))
    assert len(set(unpacked)) == 1
    assert shipped_files(unpacked[0]) == shipped.files
