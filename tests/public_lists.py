"""What users and their files rely on, as lists: `python tests/public_lists.py > tests/api/public_lists.json`.

Public names, keys of suite.yaml, keys and choices of the JSON that runs and commands write, file names, codes of red
flags and verdict reasons, exit codes, commands with their options, names of plugin points. They are read from the
evalkit that Python imports, by its own schema, types and commands; only file names, and codes that stand as text inside
functions, are read from its source. The checked-in lists are those of commit f223013, made by running this file with
`PYTHONPATH` set to a checkout of that commit.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, get_type_hints

import click
import msgspec

import evalkit
from evalkit import api, errors
from evalkit.cli.main import INTERRUPTED, cli
from evalkit.records.manifest import CaseFacts
from evalkit.records.run import RunRecords
from evalkit.records.sample import LatencyRow, Sample
from evalkit.records.score import ScoreRow
from evalkit.registry import REGISTRIES, Registry
from evalkit.suite.json_schema import suite_schema

Lists = dict[str, list[str]]
_FILE_NAME = re.compile(r"[a-z][\w-]*\.(?:jsonl?|ya?ml|html|md|sqlite|safetensors|npz?)")
_CODE = re.compile(r"[a-z][a-z0-9_]*")


def public_lists() -> Lists:
    """All lists, each sorted."""
    modules = [ast.parse(path.read_text("utf-8")) for path in sorted(_package().rglob("*.py"))]
    deciding = [
        ast.parse(path.read_text("utf-8")) for path in sorted((_package() / "decision").rglob("*.py"))
    ]
    lists = {
        "public names": list(evalkit.__all__),
        "suite keys and choices": _suite_keys(),
        "file names": [text for tree in modules for text in _strings(tree) if _FILE_NAME.fullmatch(text)],
        "red flags": list(_red_flags(deciding)),
        "verdict reasons": [code for tree in deciding for code in _verdict_reasons(tree)],
        "exit codes": [*_exit_codes(errors.EvalkitError), f"Ctrl-C {INTERRUPTED}"],
        "commands and options": list(_commands(cli, "evalkit")),
        "plugin points": [
            f"{registry.group} {name}" for registry in REGISTRIES for name in _built_in(registry)
        ],
    }
    records = {
        "report.json": RunRecords,
        "cases.jsonl": CaseFacts,
        "samples.jsonl": Sample,
        "scores.jsonl": ScoreRow,
        "latency.jsonl": LatencyRow,
        **{
            f"{call.__name__} --json": get_type_hints(call)["return"]
            for call in (api.estimate, api.compare, api.decide_counts, api.reprice, api.tune)
        },
    }
    lists |= {
        f"keys and choices of {name}": list(_record_keys(msgspec.inspect.type_info(kind), ""))
        for name, kind in records.items()
    }
    return {name: sorted(set(items)) for name, items in lists.items()}


def _built_in(registry: Registry) -> set[str]:
    """Names without those of plugins that happen to be installed."""
    return set(registry.names()) - {point.name for point in entry_points(group=registry.group)}


def _package() -> Path:
    return Path(evalkit.__file__).parent


def _suite_keys() -> list[str]:
    """Dotted keys of suite.yaml, `*` for a name of the user's, and `key = value` for each fixed choice."""
    schema = json.loads(suite_schema())
    return list(_schema_keys(schema, schema["$defs"], ""))


def _schema_keys(node: Any, definitions: dict[str, Any], at: str) -> Iterator[str]:
    if reference := node.get("$ref"):
        node = definitions[reference.rpartition("/")[2]]
    for choice in [*node.get("enum", ()), *([node["const"]] if "const" in node else ())]:
        yield f"{at} = {choice}"
    for name, value in node.get("properties", {}).items():
        key = f"{at}.{name}".lstrip(".")
        yield key
        yield from _schema_keys(value, definitions, key)
    free = [node.get("additionalProperties"), *node.get("patternProperties", {}).values()]
    for value in free:
        if isinstance(value, dict):
            yield from _schema_keys(value, definitions, f"{at}.*")
    if isinstance(node.get("items"), dict):
        yield from _schema_keys(node["items"], definitions, f"{at}[]")
    if isinstance(node.get("propertyNames"), dict):
        yield from _schema_keys(node["propertyNames"], definitions, f"{at}.*")
    for option in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from _schema_keys(option, definitions, at)


def _record_keys(info: Any, at: str) -> Iterator[str]:
    """Dotted keys of a record as JSON, and `key = value` for each member of an enumeration or literal."""
    kinds = msgspec.inspect
    if isinstance(info, kinds.StructType):
        for field in info.fields:
            key = f"{at}.{field.encode_name}".lstrip(".")
            yield key
            yield from _record_keys(field.type, key)
    elif isinstance(info, kinds.DictType):
        yield from _record_keys(info.value_type, f"{at}.*")
    elif isinstance(info, kinds.VarTupleType | kinds.ListType):
        yield from _record_keys(info.item_type, f"{at}[]")
    elif isinstance(info, kinds.TupleType):
        for number, item in enumerate(info.item_types):
            yield from _record_keys(item, f"{at}[{number}]")
    elif isinstance(info, kinds.UnionType):
        for option in info.types:
            yield from _record_keys(option, at)
    elif isinstance(info, kinds.EnumType):
        yield from (f"{at} = {member.value}" for member in info.cls)
    elif isinstance(info, kinds.LiteralType):
        yield from (f"{at} = {value}" for value in info.values)


def _exit_codes(kind: type[errors.EvalkitError]) -> Iterator[str]:
    yield f"{kind.__name__} {kind.exit_code}"
    for child in kind.__subclasses__():
        yield from _exit_codes(child)


def _commands(command: click.Command, name: str) -> Iterator[str]:
    yield name
    for parameter in command.params:
        shown = (
            parameter.opts if isinstance(parameter, click.Option) else [str(parameter.human_readable_name)]
        )
        yield from (f"{name} {option}" for option in (*shown, *parameter.secondary_opts))
    if isinstance(command, click.Group):
        context = click.Context(command)
        for child in command.list_commands(context):
            member = command.get_command(context, child)
            assert member is not None, child
            yield from _commands(member, f"{name} {child}")


def _red_flags(trees: list[ast.Module]) -> Iterator[str]:
    """First arguments of calls that make a `RedFlag`: the class itself, and functions that return one."""
    constants = {name: text for tree in trees for name, text in _constants(tree).items()}
    makers = {"RedFlag"} | {
        node.name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and node.returns is not None
        and ast.unparse(node.returns) == "RedFlag"
    }
    for tree in trees:
        for call in _calls(tree, makers):
            given = [*call.args[:1], *(word.value for word in call.keywords if word.arg == "code")]
            for node in given:
                text = constants.get(node.id) if isinstance(node, ast.Name) else _text(node)
                if text is not None:
                    yield text


def _verdict_reasons(tree: ast.Module) -> Iterator[str]:
    """Second arguments of calls that make the verdict of the ladder, and what functions return that give them."""
    makers = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and {"verdict", "reason"}
        <= {
            part.target.id
            for part in node.body
            if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
        }
    }
    sources: set[str] = set()
    for call in _calls(tree, makers):
        for node in (*call.args[1:2], *(word.value for word in call.keywords if word.arg == "reason")):
            if (text := _text(node)) is not None:
                yield text
            sources |= {node.id} if isinstance(node, ast.Name) else set()
    yield from _reasons_of_methods(tree)
    givers = {
        node.value.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and any(isinstance(target, ast.Name) and target.id in sources for target in node.targets)
    }
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and function.name in givers:
            for node in ast.walk(function):
                if isinstance(node, ast.Return) and node.value is not None:
                    yield from _branches(node.value)


def _reasons_of_methods(tree: ast.Module) -> Iterator[str]:
    """Codes that the ladder's methods give to the step they make, and codes of the condition that failed."""
    place = {"_step": 1, "_winner_step": 1, "_meanwhile": 0}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            given = node.args[place[name] : place[name] + 1] if name in place else []
            if name == "Condition":
                given = [word.value for word in node.keywords if word.arg == "code"]
            yield from (text for each in given for text in _branches(each))
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("reason", "reasons"):
            values = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
            yield from (text for each in values for text in _branches(each))


def _branches(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from (*_branches(node.body), *_branches(node.orelse))
    elif (text := _text(node)) is not None:
        yield text


def _calls(tree: ast.Module, names: set[str]) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            yield node


def _constants(tree: ast.Module) -> dict[str, str]:
    return {
        target.id: text
        for node in tree.body
        if isinstance(node, ast.Assign) and (text := _text(node.value)) is not None
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _text(node: ast.AST) -> str | None:
    is_code = isinstance(node, ast.Constant) and isinstance(node.value, str) and _CODE.fullmatch(node.value)
    return str(node.value) if is_code and isinstance(node, ast.Constant) else None


def _strings(tree: ast.Module) -> Iterator[str]:
    return (
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


if __name__ == "__main__":
    print(json.dumps(public_lists(), indent=1, ensure_ascii=False))
