"""A job on GitHub that runs the gate's action: programs that stand for `evalkit` and `gh`, comments, and an event."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.builders.composite_action import ActionRun, run_action

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github" / "actions" / "gate" / "action.yml"
SUITE = "suites/support-desk"
MARKER = "<!-- evalkit-gate 2db1c03cd92d2588 -->"
"""The first line of the comment of that suite: 16 digits of the SHA-256 of its path."""

EVALKIT = """#!{python}
import os, sys
from pathlib import Path
from evalkit.reporting.gate.tell_ci import tell_ci, tell_ci_refusal, write_gate_reports
from tests.builders import gates
Path({folder!r}, "asked").write_text("\\0".join(sys.argv[1:]))
if "{gate}" == "REFUSED":
    tell_ci_refusal("the judge changed", 102, os.environ, sys.stdout)
    sys.exit(102)
result = gates.{gate}
write_gate_reports(result, Path(sys.argv[sys.argv.index("--output") + 1], result.suite, "a-run"))
tell_ci(result, os.environ, sys.stdout)
sys.exit(result.exit_code)
"""
"""Stands for the command where no run is needed: the reports and what GitHub is told are the product's own."""

GH = """#!{python} -IS
import json, re, sys
from pathlib import Path
folder, words = Path({folder!r}), sys.argv[1:]
if (folder / "no-permission").exists():
    sys.exit("HTTP 403")
if "--jq" in words:
    chosen = words[words.index("--jq") + 1]
    wanted = r'[.][[][]] [|] select[(][.]user[.]type == "Bot" and [(][.]body [|] startswith[(]"(.*)"[)][)][)] [|] [.]id'
    marker = re.fullmatch(wanted, chosen)[1]
    comments = json.loads((folder / "comments.json").read_text())
    print(*(c["id"] for c in comments if c["user"]["type"] == "Bot" and c["body"].startswith(marker)), sep="\\n")
else:
    body = words[words.index("--field") + 1].removeprefix("body=@")
    made = {{"words": words, "body": Path(body).read_text("utf-8")}}
    with (folder / "written.jsonl").open("a") as file:
        file.write(json.dumps(made) + "\\n")
"""
"""Stands for GitHub's own command: a list of comments, and a file of what was asked to be written."""


class Job:
    """A job on GitHub: its programs, comments and event.

    Args:
        folder: Where all of it is.
        gate: What evalkit says: a name in `tests.builders.gates`, REFUSED, or BROKEN, where it dies. REAL is evalkit.
    """

    def __init__(self, folder: Path, gate: str = "PASSED") -> None:
        self.folder = folder
        programs = folder / "temp" / "evalkit" / "bin"
        programs.mkdir(parents=True)
        for name, text in (("evalkit", EVALKIT), ("gh", GH)):
            program = programs / name
            program.write_text(text.format(python=sys.executable, folder=str(folder), gate=gate), "utf-8")
            program.chmod(0o755)
        if gate in ("BROKEN", "REAL"):
            line = "exit 1" if gate == "BROKEN" else f'exec "{sys.executable}" -m evalkit "$@"'
            (programs / "evalkit").write_text(f"#!/bin/sh\n{line}\n", "utf-8")
        self.path = f"{programs}:{os.environ['PATH']}"
        self.github: dict[str, Any] = {
            "event_name": "pull_request",
            "repository": "acme/desk",
            "token": "t0ken",
            "event": {"pull_request": {"number": 7, "head": {"repo": {"full_name": "acme/desk"}}}},
        }
        self.comments()

    def comments(self, *comments: tuple[int, str, str]) -> None:
        """Set what the pull request has: id, kind of author, text."""
        rows = [{"id": number, "user": {"type": kind}, "body": body} for number, kind, body in comments]
        (self.folder / "comments.json").write_text(json.dumps(rows), "utf-8")

    def run(self, **inputs: str) -> ActionRun:
        """Run the action; evalkit is installed already unless said otherwise."""
        given = {"suite": SUITE, "install": "false"} | {
            key.replace("_", "-"): text for key, text in inputs.items()
        }
        environ = {"PATH": self.path, "PYTHONPATH": str(ROOT)}
        return run_action(ACTION, given, self.github, environ, self.folder)

    @property
    def asked(self) -> list[str]:
        """The words after `evalkit`."""
        return (self.folder / "asked").read_text("utf-8").split("\0")

    @property
    def written(self) -> list[dict[str, Any]]:
        """Comments that were written."""
        file = self.folder / "written.jsonl"
        return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []
