"""What a strategy's source says about it, read with `ast`: nothing is ever imported here."""

from __future__ import annotations

import ast
import functools
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

COMPILED = "compiled"
PYTHON = "python"
UNKNOWN = "unknown"

_FACTORY = re.compile(r"create_(?:\w+_)?handler")
_FACTORY_DEFINITION = re.compile(r"^def[ \t]+(create_(?:\w+_)?handler)\b", re.MULTILINE)


@dataclass(frozen=True)
class ImportedModule:
    """One `import` line: its leading dots, the dotted module (may be empty), and the names taken from it."""

    level: int
    module: str
    names: tuple[str, ...]

    @property
    def top(self) -> str:
        """The first part of the dotted module."""
        return self.module.partition(".")[0]


@dataclass(frozen=True)
class SourceFacts:
    """What one module's text says; with a `fault`, `defined` is what its text seems to define.

    `documented` is the first line of each factory's docstring, by factory; `mentions_factory` is true where the
    text holds `create_`, wherever that is.
    """

    description: str = ""
    documented: tuple[tuple[str, str], ...] = ()
    mentions_factory: bool = False
    defined: tuple[str, ...] = ()
    imported: tuple[str, ...] = ()
    star_import: bool = False
    names_compiled_strategy: bool = False
    imports: tuple[ImportedModule, ...] = ()
    fault: str | None = None

    @property
    def relative_level(self) -> int:
        """The most leading dots of any of its imports."""
        return max((line.level for line in self.imports), default=0)

    def described(self, factory: str) -> str:
        """Return the module's first line, but the factory's own where the module has several factories."""
        own = _told(dict(self.documented).get(factory, ""))
        return own or self.description if len(self.defined) > 1 else self.description or own


def _told(line: str) -> str:
    """Return what a factory's docstring says that comes back.

    >>> _told("Return the ADX trend (14)."), _told("Returns to the mean.")
    ('ADX trend (14).', 'Returns to the mean.')
    """
    found = line.removeprefix("Return ").removeprefix("the ") if line.startswith("Return ") else line
    return f"{found[:1].upper()}{found[1:]}"


def read_source(path: Path) -> SourceFacts:
    """Return what the module at `path` says about itself; what cannot be read or parsed is a fault."""
    try:
        text = path.read_bytes()
    except OSError as error:
        return SourceFacts(fault=f"{path}: cannot be read: {error.strerror or error}")
    facts = _read(text)
    return facts if facts.fault is None else replace(facts, fault=f"{path}{facts.fault}")


def kind_of(facts: SourceFacts, imported: Iterable[Path]) -> str:
    """Return `compiled` when a module, or one of the files that it imports, names a kind of compiled strategy."""
    if facts.fault is not None:
        return UNKNOWN
    if facts.names_compiled_strategy:
        return COMPILED
    return COMPILED if any(read_source(file).names_compiled_strategy for file in imported) else PYTHON


def imported_files(path: Path, facts: SourceFacts) -> Iterator[Path]:
    """Yield the files near `path` that its import lines can mean.

    A relative import counts its dots; an absolute one is looked for in the folder of `path` and in the folder
    above its outermost package.
    """
    for line in facts.imports:
        for start in [package_of(path, line)] if line.level else [path.parent, package_top(path.parent)]:
            yield from (file for file in files_of(start, line) if file != path)


def package_of(path: Path, line: ImportedModule) -> Path:
    """Return the folder in which a relative import in the file at `path` starts."""
    return path.parents[min(line.level, len(path.parents)) - 1]


def files_of(start: Path, line: ImportedModule, suffixes: Sequence[str] = (".py",)) -> Iterator[Path]:
    """Yield the files that `line` imports when the module it names is looked for in the folder `start`.

    Those are the module, or its package, and the names taken from it that are modules themselves.
    """
    target = start.joinpath(*line.module.split(".")) if line.module else start
    taken = [target / name for name in line.names] if os.path.isdir(target) else []
    for candidate in [target, *taken]:
        beside = [candidate.with_name(candidate.name + suffix) for suffix in suffixes] if candidate != start else []
        yield from (file for file in (*beside, candidate / "__init__.py") if os.path.isfile(file))


def package_top(folder: Path) -> Path:
    """Return the first folder from `folder` upwards that is not a package."""
    while (folder / "__init__.py").is_file() and folder.parent != folder:
        folder = folder.parent
    return folder


def choose_factory(name: str, defined: Sequence[str], imported: Sequence[str] = ()) -> str | None:
    """Return the factory for strategy `name`, or None when none fits or more than one could.

    >>> choose_factory("v1_baseline", ["create_v1_handler"])
    'create_v1_handler'
    """
    known = [*defined, *imported]
    for wanted in (f"create_{name}_handler", "create_handler"):
        if wanted in known:
            return wanted
    for found in (defined, known):
        if len(found) == 1:
            return found[0]
    return None


def no_factory_fault(place: str, name: str, found: Sequence[str]) -> str:
    """Return the line that says which factories were looked for in `place`, and which it has."""
    wanted = f"looked for create_{name}_handler, then create_handler, then a single create_*_handler"
    return f"{place}: no factory for strategy '{name}': {wanted}; found {', '.join(found) or 'none'}"


def strategy_name(factory: str) -> str | None:
    """Return the name inside `create_<name>_handler`; None for `create_handler`."""
    return factory.removeprefix("create_").removesuffix("_handler") if factory != "create_handler" else None


@functools.lru_cache(maxsize=1024)
def _read(text: bytes) -> SourceFacts:
    """Return what a module's text says; by content, for one file is read many times and may be edited meanwhile.

    A fault begins with the line, for the path is not known here.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a strategy's invalid escapes are not the lister's business
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        found = _FACTORY_DEFINITION.findall(text.decode("utf-8", "replace"))
        return SourceFacts(
            defined=tuple(dict.fromkeys(found)),
            mentions_factory=b"create_" in text,
            fault=f"{line}: {type(error).__name__}: {reason}",
        )
    return _facts(tree)


def _facts(tree: ast.Module) -> SourceFacts:
    defined: list[str] = []
    imported: list[str] = []
    documented: dict[str, str] = {}
    for node in _top_level(tree.body):
        names, docstring = _bound_names(node)
        factories = [name for name in names if _FACTORY.fullmatch(name)]
        (imported if isinstance(node, ast.Import | ast.ImportFrom) else defined).extend(factories)
        documented |= dict.fromkeys(factories, _first_line(docstring))
    imports = tuple(_imports(tree))
    return SourceFacts(
        description=_first_line(ast.get_docstring(tree)),
        documented=tuple(documented.items()),
        mentions_factory=bool(defined),
        defined=tuple(dict.fromkeys(defined)),
        imported=tuple(name for name in dict.fromkeys(imported) if name not in defined),
        star_import=any("*" in line.names for line in imports),
        names_compiled_strategy=_names_compiled_strategy(tree),
        imports=imports,
    )


def _first_line(docstring: str | None) -> str:
    return next(iter((docstring or "").strip().splitlines()), "").strip()


def _top_level(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        for part in ("body", "orelse", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                yield from _top_level(getattr(node, part, []))
        if isinstance(node, ast.Try):
            for handler in node.handlers:
                yield from _top_level(handler.body)


def _bound_names(node: ast.stmt) -> tuple[list[str], str | None]:
    match node:
        case ast.FunctionDef(name=name):
            return [name], ast.get_docstring(node)
        case ast.ClassDef(name=name):
            return [name], ast.get_docstring(node)
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return [alias.asname or alias.name for alias in aliases], None
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)], None
        case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
            return [name], None
        case _:
            return [], None


def _imports(tree: ast.Module) -> Iterator[ImportedModule]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield ImportedModule(node.level, node.module or "", tuple(alias.name for alias in node.names))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield ImportedModule(0, alias.name, ())


def _names_compiled_strategy(tree: ast.Module) -> bool:
    wanted = ("EventStrategy", "BarStrategy", "SignalStrategy")
    return any(
        (isinstance(node, ast.Name) and node.id in wanted)
        or (isinstance(node, ast.Attribute) and node.attr in wanted)
        or (isinstance(node, ast.alias) and node.name in wanted)
        for node in ast.walk(tree)
    )
