"""Packages as people have them run unchanged, whichever folder of theirs the strategy path names."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path

import pytest

from dbatch.errors import StrategyError
from dbatch.plugins.discovery import list_strategies, resolve
from dbatch.plugins.layout import find
from dbatch.plugins.loading import load_factory, make_handler
from dbatch.plugins.reach import MAX_LEVELS, UNPACKED, reach_of
from dbatch.plugins.shipping import pack, unpack

FACTORY = "\n\n\ndef create_handler(config):\n    return lambda: X\n"
X = "X = 7\n"
HANDLER = "handlers/s/handler.py"
ABOVE_HANDLER = (".", "handlers", "handlers/", "handlers/s", HANDLER)
SRC = "src/strategies/s/handler.py"
ABOVE_SRC = (".", "src", "src/strategies", "src/strategies/s", SRC)
ABOVE_FILE = (".", "strategies", "strategies/s.py")
BOTH_NAMES = "from handlers.common.base import Base\nfrom ..common.base import Base as Same, X\nassert Base is Same\n"
BY_FOLDER = "from s.rules import Base\nfrom .rules import Base as Same, X\nassert Base is Same\n"
FALLBACK = "try:\n    from .rules import X\nexcept ImportError:\n    from rules import X\n"
ABOVE = {HANDLER: ABOVE_HANDLER, SRC: ABOVE_SRC, "strategies/s.py": ABOVE_FILE}
FOLDERS = {
    HANDLER: ("handlers/__init__.py", "handlers/s/__init__.py"),
    SRC: ("src/__init__.py", "src/strategies/__init__.py", "src/strategies/s/__init__.py"),
    "strategies/s.py": ("strategies/__init__.py",),
}

LAYOUTS = {
    "absolute from the project": (
        SRC,
        "from src.strategies.common.base import X",
        {"src/strategies/common/base.py": X},
    ),
    "absolute and deep": (
        SRC,
        "from .rules import X",
        {
            "src/strategies/s/rules.py": "from ..common.base import X\n",
            "src/strategies/common/base.py": "from src.strategies.common.sizes import X\n",
            "src/strategies/common/sizes.py": X,
        },
    ),
    "beside the handler": (HANDLER, "from rules import X", {"handlers/s/rules.py": X}),
    "beside the strategies": (HANDLER, "from common.base import X", {"handlers/common/base.py": X}),
    "a package beside the strategies": (
        HANDLER,
        "import common\nX = common.X",
        {"handlers/common/__init__.py": "from .base import X\n", "handlers/common/base.py": X},
    ),
    "submodules": (
        HANDLER,
        "import common.base\nimport common.sizes as sizes\nX = common.base.X + sizes.Y",
        {"handlers/common/base.py": "X = 5\n", "handlers/common/sizes.py": "Y = 2\n"},
    ),
    "two levels up": (HANDLER, "from lib.deep.tools import X", {"lib/deep/tools.py": X}),
    "a module two levels up": (HANDLER, "import tools\nX = tools.X", {"tools.py": X}),
    "relative, else bare": (
        HANDLER,
        FALLBACK,
        {"handlers/s/rules.py": "from common.base import X\n", "handlers/common/base.py": X},
    ),
    "one class under two names": (HANDLER, BOTH_NAMES, {"handlers/common/base.py": X + "class Base: ...\n"}),
    "inside the factory": (
        HANDLER,
        "def create_handler(config):\n    from common.base import X\n    return lambda: X",
        {"handlers/common/base.py": X},
    ),
    "a helper that imports what lies beside itself": (
        HANDLER,
        "from common.base import X",
        {"handlers/common/base.py": "from sizes import X\n", "handlers/common/sizes.py": X},
    ),
    "circular": (
        HANDLER,
        "from .rules import X",
        {"handlers/s/rules.py": f"from . import more\n{X}", "handlers/s/more.py": "from . import rules\n"},
    ),
    "tests with the same names": (
        HANDLER,
        "from common.base import X\nfrom rules import Y",
        {
            "handlers/common/base.py": X,
            "handlers/s/rules.py": "Y = 1\n",
            "pyproject.toml": "",
            "tests/rules.py": "",
            "tests/common/base.py": "",
        },
    ),
    "a file beside": ("strategies/s.py", "from base import X", {"strategies/base.py": X}),
    "a file and its folder": ("strategies/s.py", "from strategies.base import X", {"strategies/base.py": X}),
    "a file and the project": ("strategies/s.py", "from lib.base import X", {"lib/base.py": X}),
}


LAYOUTS = {
    name: (file, text if "def create" in text else text + FACTORY, files)
    for name, (file, text, files) in LAYOUTS.items()
}


@pytest.fixture
def project(tmp_path, write):
    """Make a folder `project` of the given files, and of the empty ones named."""

    def _project(files: dict[str, str], empty: tuple[str, ...] = ()) -> Path:
        return write(tmp_path / "project", {**files, **dict.fromkeys(empty, "")})

    return _project


def ref_of(path: Path | str):
    return resolve("s", [str(path)], entry_points=[]).ref


def answer(path: Path | str):
    return make_handler(ref_of(path), {})()


@pytest.mark.parametrize("inits", ["no", "all", "outer", "inner"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_package_runs_from_whichever_path_reaches_it(project, name, inits):
    file, text, files = LAYOUTS[name]
    folders = FOLDERS[file]
    empty = {"no": (), "all": folders, "outer": folders[:1], "inner": folders[-1:]}[inits]
    top = project({file: text, **files}, empty)
    assert {below: answer(f"{top}/{below}") for below in ABOVE[file]} == dict.fromkeys(ABOVE[file], 7)


@pytest.mark.parametrize("below", ["", "handlers", "handlers/s"])
def test_a_relative_path_is_one_of_the_working_folder(project, monkeypatch, below):
    top = project({HANDLER: "from common.base import X" + FACTORY, "handlers/common/base.py": X})
    monkeypatch.chdir(top / below)
    assert answer(".") == 7


def test_folders_with_hyphens_may_hold_what_is_imported(project):
    files = {"my-handlers/s/handler.py": "from common.base import X" + FACTORY, "my-handlers/common/base.py": X}
    top = project(files)
    assert [answer(top / below) for below in (".", "my-handlers", "my-handlers/s")] == [7, 7, 7]


@pytest.mark.parametrize("below", ["s/handler.py", "s", "."])
def test_a_projects_own_folder_may_be_the_package(project, below):
    files = {"s/handler.py": "from project.common.base import X" + FACTORY, "common/base.py": X, "pyproject.toml": ""}
    assert answer(project(files) / below) == 7


def test_a_module_has_the_name_by_which_its_package_is_imported(project):
    top = project({SRC: "from src.strategies.common.base import X" + FACTORY, "src/strategies/common/base.py": X})
    assert [ref_of(top / below).module for below in ABOVE_SRC] == ["src.strategies.s.handler"] * len(ABOVE_SRC)


def test_a_class_that_is_imported_by_the_strategys_folder_is_one_class(project):
    top = project({HANDLER: BY_FOLDER + FACTORY, "handlers/s/rules.py": X + "class Base: ...\n"})
    assert [answer(top / below) for below in ABOVE_HANDLER] == [7] * len(ABOVE_HANDLER)


@pytest.mark.parametrize("below", ["link/s/handler.py", "link/s", "link"])
def test_behind_a_linked_folder_lies_what_lies_beside_the_real_one(project, below):
    files = {f"a/b/{HANDLER}": "from common.base import X\nfrom lib import Y" + FACTORY, "a/b/lib.py": "Y = 1\n"}
    top = project({**files, "a/b/handlers/common/base.py": X})
    (top / "link").symlink_to(top / "a/b/handlers")
    assert answer(top / below) == 7


def test_the_nearest_of_two_is_meant(project):
    files = {HANDLER: "from common.base import X" + FACTORY, "handlers/common/base.py": X, "common/base.py": "X = 1\n"}
    assert answer(project(files) / "handlers" / "s") == 7


def test_a_farther_one_is_meant_where_the_nearer_lacks_the_module(project):
    files = {HANDLER: "from common.base import X" + FACTORY, "handlers/s/common.py": "", "common/base.py": X}
    assert answer(project(files, ("common/__init__.py",)) / "handlers" / "s") == 7


@pytest.mark.parametrize("mark", ["pyproject.toml", "setup.py", ".git"])
def test_what_lies_above_the_project_is_not_looked_for(project, mark):
    top = project({f"{name}/{HANDLER}": "from lib import X" + FACTORY for name in ("in", "out")} | {"lib.py": X})
    (top / "in" / mark).touch()
    assert answer(top / "out" / "handlers") == 7
    with pytest.raises(StrategyError, match="No module named 'lib'"):
        answer(top / "in" / "handlers")


@pytest.mark.parametrize("above", [0, 1])
def test_without_a_mark_of_the_project_a_few_levels_are_looked_through(project, above):
    folders = "/".join(f"f{level}" for level in range(MAX_LEVELS - 1 + above))
    top = project({f"{folders}/s/handler.py": "from lib import X" + FACTORY, "lib.py": X})
    file = top / folders / "s" / "handler.py"
    assert [home.folder for home in reach_of(file, file).homes] == [top][above:]


def test_where_strategies_are_unpacked_nothing_above_is_looked_for(project):
    top = project({f"in/{HANDLER}": "from lib import X" + FACTORY, "lib.py": X, f"in/{UNPACKED}": ""})
    assert reach_of(top / "in" / HANDLER, top).homes == ()


def test_a_missing_module_of_a_package_that_is_there_is_named_in_full(project):
    top = project({HANDLER: "from common.bse import X" + FACTORY, "handlers/common/base.py": X})
    for below in ABOVE_HANDLER:
        with pytest.raises(StrategyError, match=r"handler\.py:1: ModuleNotFoundError: No module named 'common\.bse'"):
            answer(top / below)


def test_a_folder_named_as_an_installed_package_is_not_taken_for_it(project):
    top = project({"yaml/s/handler.py": "import yaml\nX = yaml.safe_load('7')" + FACTORY, "yaml/run.py": ""})
    assert answer(top / "yaml" / "s") == 7


@pytest.mark.parametrize("below", ABOVE_HANDLER)
def test_a_module_named_as_a_standard_one_hides_it_from_nobody(project, below):
    text = "from .sched import X\nfrom rules import Y\nfrom sched import scheduler" + FACTORY
    top = project({HANDLER: text, "handlers/s/sched.py": X, "handlers/s/rules.py": "Y = 1\n"})
    assert answer(top / below) == 7
    own, standard = str(top / "handlers" / "s"), str(Path(importlib.__file__).parents[1])
    assert sys.path.index(own) > sys.path.index(standard)


@pytest.mark.parametrize("below", ABOVE_HANDLER)
def test_a_module_named_as_a_standard_one_is_meant_where_that_lacks_what_is_taken(project, monkeypatch, below):
    monkeypatch.delitem(sys.modules, "sched", raising=False)
    top = project({HANDLER: "from sched import X" + FACTORY, "handlers/s/sched.py": X})
    assert answer(top / below) == 7


@pytest.mark.parametrize("below", ABOVE_HANDLER)
def test_an_edit_of_what_is_imported_changes_the_identity_and_one_of_other_files_does_not(project, below):
    files = {HANDLER: "from lib.tools import X" + FACTORY, "lib/tools.py": X, "lib/other.py": "", "pyproject.toml": ""}
    top = project(files)
    before = ref_of(top / below)
    project({"lib/tools.py": "X = 8\n"})
    assert ref_of(top / below).source_hash != before.source_hash
    with pytest.raises(StrategyError, match="files changed since the run was planned"):
        load_factory(before)
    project({"lib/tools.py": X, "lib/other.py": "X = 1\n"})
    assert (ref_of(top / below) == before) == (below != ".")  # that path is of the whole project


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_is_imported_travels_to_workers_that_do_not_have_it(project, tmp_path, name):
    file, text, files = LAYOUTS[name]
    top = project({file: text, **files})
    shipped = [pack(ref_of(top / below)) for below in ABOVE[file]]
    shutil.rmtree(top)
    assert [make_handler(unpack(each, tmp_path / "cache"), {})() for each in shipped] == [7] * len(shipped)


@pytest.mark.parametrize("name", LAYOUTS)
def test_two_projects_with_equal_names_take_turns(project, tmp_path, name):
    file, text, files = LAYOUTS[name]
    top = project({file: text, **files})
    other = shutil.copytree(top, tmp_path / "other" / "project")
    for changed in other.rglob("*.py"):
        changed.write_text(changed.read_text().replace("X = 7", "X = 9").replace("X = 5", "X = 7"))
    answers = [(answer(top / below), answer(other / below)) for below in ABOVE[file] * 2]
    assert answers == [(7, 9)] * 2 * len(ABOVE[file])


def test_a_module_of_the_callers_with_that_name_from_elsewhere_is_set_aside(project, tmp_path, write, monkeypatch):
    write(tmp_path / "caller", {"common_of_two.py": "X = 1\n"})
    monkeypatch.syspath_prepend(str(tmp_path / "caller"))
    importlib.import_module("common_of_two")
    files = {HANDLER: "from common_of_two import X" + FACTORY, "handlers/common_of_two.py": X}
    assert answer(project(files) / "handlers" / "s") == 7


def test_a_strategy_whose_rules_are_compiled_elsewhere_in_the_project_is_listed_so(project):
    factory = "from dbatch.strategies import EventStrategy\n"
    top = project({SRC: "from src.lib.rules import create_handler\n", "src/lib/rules.py": factory})
    kinds = {listing.kind for below in ABOVE_SRC for listing in list_strategies([f"{top}/{below}"], entry_points=[])}
    assert kinds == {"compiled"}


def test_finding_a_strategy_again_places_no_other_one(project, monkeypatch):
    top = project({"handlers/other/handler.py": FACTORY, HANDLER: "X = 7" + FACTORY})
    ref = ref_of(top)
    read = []
    monkeypatch.setattr("dbatch.plugins.layout.reach_of", lambda file, root: read.append(file) or reach_of(file, root))
    assert find(str(top), ref.module).file == top / HANDLER
    assert read == [top / HANDLER]


@pytest.mark.parametrize("below", ABOVE_HANDLER)
def test_an_import_that_failed_after_another_is_told_with_that_one(project, below):
    top = project({HANDLER: FALLBACK + FACTORY, "handlers/s/rules.py": "import no_such_module_x\n"})
    said = f"strategy 's' cannot be imported: {top}/handlers/s/rules.py:1: "
    with pytest.raises(StrategyError) as caught:
        answer(top / below)
    assert str(caught.value) == f"{said}ModuleNotFoundError: No module named 'no_such_module_x'"  # not said twice

    (top / "handlers/s/rules.py").write_text("Y = 1\n")
    with pytest.raises(StrategyError) as caught:
        answer(top / below)
    last, before = str(caught.value).split("; before that: ")
    assert f"{top}/handlers/s/handler.py:4: ImportError: cannot import name 'X' from 'rules'" in last
    assert f"{top}/handlers/s/handler.py:2: ImportError: cannot import name 'X' from 'handlers.s.rules'" in before or (
        "from 's.rules'" in before
    )


def test_what_no_path_can_have_meant_is_told_with_its_cause(project):
    text = "try:\n    from .rules import X\nexcept ImportError:\n    from rulez import X\n"
    top = project({HANDLER: text + FACTORY, "handlers/s/rules.py": "import no_such_module_x\n"})
    with pytest.raises(StrategyError) as caught:
        answer(top / "handlers")
    assert str(caught.value) == (
        f"strategy 's' cannot be imported: {top}/handlers/s/handler.py:4: ModuleNotFoundError: No module named 'rulez'"
        f"; before that: {top}/handlers/s/rules.py:1: ModuleNotFoundError: No module named 'no_such_module_x'"
    )
