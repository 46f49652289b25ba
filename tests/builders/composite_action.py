"""Runs the ``run:`` steps of a composite GitHub action in bash, as GitHub's runner would, on this machine.

It knows what the actions of this project use: ``if`` and ``env`` with names, strings, ``==``, ``!=``, ``&&`` and
``||``; outputs of steps; the files of a step. Steps with ``uses:`` are named and not run.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|(==|!=|&&|\|\|)|([A-Za-z_][\w.-]*))")
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")


@dataclass
class ActionRun:
    """What a run of the action did.

    Attributes:
        ran: Ids of the steps that ran, in order.
        skipped: Ids of those that did not.
        log: Standard output and error of all steps.
        exit_code: Of the first step that failed; 0 where none did.
        outputs: Of the action.
        summary: All steps' summaries.
    """

    ran: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    log: str = ""
    exit_code: int = 0
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""


def value_of(expression: str, context: dict[str, Any]) -> str:
    """The value of an expression; a name that is not there is an empty text, as on GitHub."""
    tokens = [match.groups() for match in _TOKEN.finditer(expression)]
    assert "".join("".join(filter(None, token)) for token in tokens) == re.sub(r"\s", "", expression), (
        expression
    )
    words = iter(tokens)
    result = _operand(next(words), context)
    pending: list[tuple[str, str]] = []
    for _, operator, _ in words:
        right = _operand(next(words), context)
        if operator in ("==", "!="):
            result = "true" if (result.casefold() == right.casefold()) == (operator == "==") else ""
        else:
            pending.append((result, operator))
            result = right
    for left, operator in reversed(pending):
        result = (left and result) if operator == "&&" else (left or result)
    return result


def _operand(token: tuple[str, str, str], context: dict[str, Any]) -> str:
    literal, _, name = token
    if literal:
        return literal[1:-1].replace("''", "'")
    value: Any = context
    for part in name.split("."):
        value = value.get(part, "") if isinstance(value, dict) else ""
    return str(value)


def filled(text: str, context: dict[str, Any]) -> str:
    """A text with its expressions replaced by their values."""
    return _EXPRESSION.sub(lambda match: value_of(match[1], context), text)


def run_action(
    action: Path, inputs: dict[str, str], github: dict[str, Any], environ: dict[str, str], folder: Path
) -> ActionRun:
    """Run an action.

    Args:
        action: Its ``action.yml``.
        inputs: As a workflow gives them; defaults fill the rest.
        github: The ``github`` context.
        environ: What the steps find besides what GitHub sets.
        folder: Its ``work`` becomes the working directory, its ``temp`` the runner's temporary folder.
    """
    made = yaml.safe_load(action.read_text("utf-8"))
    context: dict[str, Any] = {"github": github, "steps": {}}
    given = {name: filled(str(one.get("default", "")), context) for name, one in made["inputs"].items()}
    context["inputs"] = given | inputs
    for name in ("work", "temp"):
        (folder / name).mkdir(exist_ok=True)
    done = ActionRun()
    for place, step in enumerate(made["runs"]["steps"]):
        name = step.get("id", step["name"])
        if done.exit_code or (step.get("if") and not value_of(step["if"], context)):
            done.skipped.append(name)
            continue
        done.ran.append(name)
        if "uses" not in step:
            _run_step(
                step, place, context, environ | {"GITHUB_ACTION_PATH": str(action.parent)}, folder, done
            )
    done.outputs = {name: filled(one["value"], context) for name, one in made["outputs"].items()}
    return done


def _run_step(
    step: dict[str, Any],
    place: int,
    context: dict[str, Any],
    environ: dict[str, str],
    folder: Path,
    done: ActionRun,
) -> None:
    assert step["shell"] == "bash"
    files = {
        name: folder / f"{name}-{place}" for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV")
    }
    for file in files.values():
        file.touch()
    script = folder / f"step-{place}.sh"
    script.write_text(step["run"], "utf-8")
    ended = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
        cwd=folder / "work",
        env={"PATH": os.environ["PATH"], "GITHUB_ACTIONS": "true", "RUNNER_TEMP": str(folder / "temp")}
        | environ
        | {name: str(path) for name, path in files.items()}
        | {name: filled(str(value), context) for name, value in step.get("env", {}).items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    done.log += ended.stdout
    done.exit_code = ended.returncode
    done.summary += files["GITHUB_STEP_SUMMARY"].read_text("utf-8")
    lines = files["GITHUB_OUTPUT"].read_text("utf-8").splitlines()
    context["steps"][step.get("id", step["name"])] = {"outputs": dict(line.split("=", 1) for line in lines)}
    assert files["GITHUB_ENV"].read_text("utf-8") == ""
