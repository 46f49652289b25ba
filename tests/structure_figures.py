"""Figures of evalkit's structure, before and after a change: `python tests/structure_figures.py [FLOOR]`.

Run it where the package `evalkit/` is. It prints modules, lines, longest function, most parameters, broad excepts,
docstrings, and small files that only one neighbour reads, with the places that are over their limit.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

LONGEST, MOST_PARAMETERS, SMALL = 60, 7, 60
_BROAD = re.compile(r"\bexcept (?:Exception|BaseException)\b|\bexcept:")


@dataclass(frozen=True)
class Function:
    """One function or method.

    Attributes:
        lines: From `def` to the end, without the docstring.
        parameters: All but `self` or `cls`.
        public: Neither it nor its class begins with an underscore, and it is not inside another function.
        command: It is a command of the command line: its parameters are the options.
    """

    place: str
    name: str
    lines: int
    parameters: int
    public: bool
    documented: bool
    command: bool


class Package:
    """The Python files under the folder `evalkit`, or under one floor of it."""

    def __init__(self, root: Path, floor: str = "") -> None:
        self._texts = {path: path.read_text("utf-8") for path in sorted(root.rglob("*.py"))}
        self._trees = {path: ast.parse(text) for path, text in self._texts.items()}
        self._modules = {
            path: ".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__")
            for path in self._texts
        }
        inside = f"{root.name}.{floor}." if floor else ""
        self.paths = [path for path, module in self._modules.items() if f"{module}.".startswith(inside)]

    @cached_property
    def functions(self) -> list[Function]:
        """All functions and methods."""
        return [row for path in self.paths for row in _functions(self._trees[path], str(path))]

    @cached_property
    def lengths(self) -> list[int]:
        """Lines of each file, ascending."""
        return sorted(len(self._texts[path].splitlines()) for path in self.paths)

    @cached_property
    def broad_excepts(self) -> list[tuple[str, str]]:
        """Place and line of every `except` that catches all errors."""
        return [
            (f"{path}:{number}", line.strip())
            for path in self.paths
            for number, line in enumerate(self._texts[path].splitlines(), 1)
            if _BROAD.search(line)
        ]

    @cached_property
    def small_with_one_reader(self) -> list[str]:
        """Files under 60 lines that only one module of their folder imports.

        `__init__`, `__main__` and `protocol` are left out, and what a registry names: it stands where a plugin may.
        """
        readers = self._readers()
        rows = []
        for path in self.paths:
            module, length = self._modules[path], len(self._texts[path].splitlines())
            folders = {reader.rpartition(".")[0] for reader in readers[module]}
            neighbour = len(readers[module]) == 1 and folders == {module.rpartition(".")[0]}
            if neighbour and length < SMALL and path.stem not in ("__init__", "__main__", "protocol"):
                rows.append(f"{path} ({length} lines) <- {min(readers[module])}")
        return rows

    def _readers(self) -> dict[str, set[str]]:
        """Module to the modules that import it; a registry that names it counts as another one."""
        readers: dict[str, set[str]] = defaultdict(set)
        for path, tree in self._trees.items():
            for node in ast.walk(tree):
                imported = [name.name for name in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                    imported = [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
                for module in imported:
                    readers[module].add(self._modules[path])
            for module in re.findall(r'"(evalkit(?:\.\w+)+):\w+"', self._texts[path]):
                readers[module] |= {self._modules[path], "a registry"}
        return readers


def _functions(
    node: ast.AST, file: str, public: bool = True, in_class: bool = False, nested: bool = False
) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _functions(child, file, public and not child.name.startswith("_"), True, nested)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            documented = ast.get_docstring(child) is not None
            names = [each.arg for each in (*child.args.posonlyargs, *child.args.args, *child.args.kwonlyargs)]
            marks = " ".join(map(ast.unparse, child.decorator_list))
            yield Function(
                place=f"{file}:{child.lineno} {child.name}",
                name=child.name,
                lines=_lines(child) - (_lines(child.body[0]) if documented else 0),
                parameters=len(names) - (in_class and names[:1] in (["self"], ["cls"])),
                public=public and not nested and not child.name.startswith("_") and "overload" not in marks,
                documented=documented,
                command="command" in marks,
            )
            yield from _functions(child, file, public, False, True)
        else:
            yield from _functions(child, file, public, in_class, nested)


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or 0) - node.lineno + 1


def main() -> None:
    """Print the figures of the whole package, or of one floor."""
    package = Package(Path("evalkit"), *sys.argv[1:2])
    functions, lengths = package.functions, package.lengths
    public = [row for row in functions if row.public]
    bare = [row.place for row in public if not row.documented]
    long = [row for row in functions if row.lines > LONGEST]
    wide = [row for row in functions if row.parameters > MOST_PARAMETERS and not row.command]
    middle = lengths[len(lengths) // 2]
    print(f"modules {len(lengths)}, lines {sum(lengths):,}, median {middle}, largest {lengths[-1]}")
    print(f"longest function {max(row.lines for row in functions)} lines without its docstring")
    print(f"most parameters outside commands {max(row.parameters for row in functions if not row.command)}")
    print(f"public functions with a docstring {len(public) - len(bare)} of {len(public)}")
    for title, places in (
        (f"functions over {LONGEST} lines", [f"{row.place} ({row.lines})" for row in long]),
        (f"over {MOST_PARAMETERS} parameters", [f"{row.place} ({row.parameters})" for row in wide]),
        ("broad excepts", [f"{place} {line}" for place, line in package.broad_excepts]),
        ("public functions without a docstring", bare),
        (f"files under {SMALL} lines that only one neighbour reads", package.small_with_one_reader),
    ):
        print(f"\n{title}: {len(places)}", *places, sep="\n  ")


if __name__ == "__main__":
    main()
