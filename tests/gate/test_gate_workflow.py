"""The workflow and the GitLab job of the README, and the file of the action: checked as far as they can be here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalkit.reporting.gate.gate_markdown import render_comment
from tests.builders import gates
from tests.builders.github_job import ACTION, ROOT

PINNED = re.compile(r"^\s*(?:- )?uses: [\w./-]+@[0-9a-f]{40} # \S.*$")


def block(marker: str) -> str:
    """What stands between a marker in the README and the next end, without its fence."""
    found = re.search(
        rf"<!-- {marker} -->\n```\w+\n(.*?)```\n<!-- end -->",
        (ROOT / "README.md").read_text("utf-8"),
        re.DOTALL,
    )
    return found[1]


@pytest.fixture(scope="module")
def workflow() -> str:
    return block("gate workflow")


def test_the_workflow_asks_for_no_more_than_it_needs(workflow):
    made = yaml.safe_load(workflow)
    assert list(made[True]) == ["pull_request"]  # `on` is a truth value to YAML 1.1
    assert made["permissions"] == {}
    (job,) = made["jobs"].values()
    assert job["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert job["timeout-minutes"] <= 60
    assert job["steps"][0]["with"] == {"persist-credentials": False}
    assert "run" not in {key for step in job["steps"] for key in step}


def test_the_workflow_gives_keys_to_one_step_by_its_environment(workflow):
    assert workflow.count("${{ secrets.") == 1
    (step,) = [
        step for step in yaml.safe_load(workflow)["jobs"]["gate"]["steps"] if "secrets" in json.dumps(step)
    ]
    assert set(step["env"]) == {"OPENAI_API_KEY"}
    inputs = yaml.safe_load(ACTION.read_text("utf-8"))["inputs"]
    assert set(step["with"]) <= set(inputs)
    assert {name for name, one in inputs.items() if one.get("required")} <= set(step["with"])


def test_every_action_is_pinned_by_its_commit(workflow):
    for text in (workflow, ACTION.read_text("utf-8")):
        uses = [line for line in text.splitlines() if "uses:" in line]
        assert uses
        assert [line for line in uses if not PINNED.match(line)] == []


def test_the_action_and_the_workflow_have_the_keys_that_github_knows(workflow):
    """What actionlint would say of names."""
    action = yaml.safe_load(ACTION.read_text("utf-8"))
    assert set(action) == {"name", "description", "inputs", "outputs", "runs"}
    assert all(set(one) <= {"description", "required", "default"} for one in action["inputs"].values())
    assert all(set(one) == {"description", "value"} for one in action["outputs"].values())
    step_keys = {"name", "id", "if", "uses", "with", "env", "run", "shell"}
    for step in action["runs"]["steps"]:
        assert set(step) <= step_keys
        assert ("uses" in step) != ("run" in step and step["shell"] == "bash")
    made = yaml.safe_load(workflow)
    assert set(made) - {True} == {"name", "permissions", "concurrency", "jobs"}
    for job in made["jobs"].values():
        assert set(job) <= {"name", "runs-on", "timeout-minutes", "permissions", "steps"}
        assert all(set(step) <= step_keys - {"shell"} for step in job["steps"])


def test_every_name_in_an_expression_is_defined(workflow):
    """Inputs, steps with their outputs, and outputs of the action."""
    text = ACTION.read_text("utf-8")
    action = yaml.safe_load(text)
    ids = [step["id"] for step in action["runs"]["steps"] if "id" in step]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(action["inputs"])
    assert set(re.findall(r"steps\.(\w+)", text)) <= set(ids)
    written = {
        "judge",
        "verdict",
        "exit_code",
        "failed_rules",
        "inconclusive_rules",
        "worse_cases",
        "reports",
    }
    assert set(re.findall(r"steps\.\w+\.outputs\.(\w+)", text)) == written
    assert set(re.findall(r"steps\.gate\.outputs\.([\w-]+)", workflow)) <= set(action["outputs"])


def test_no_expression_stands_in_a_script(workflow):
    """What a stranger chooses comes by the environment, where a shell takes it for text."""
    for step in yaml.safe_load(ACTION.read_text("utf-8"))["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
    assert "run:" not in workflow


def test_zizmor_finds_nothing(workflow, tmp_path):
    place = tmp_path / ".github" / "workflows" / "gate.yml"
    place.parent.mkdir(parents=True)
    place.write_text(workflow, "utf-8")
    zizmor = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    assert zizmor is not None, "zizmor is among what the tests need: pip install '.[test]'"
    words = [zizmor, "--offline", "--no-progress", "--pedantic", "--strict-collection", "--format=json"]
    done = subprocess.run([*words, place, ACTION], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, json.loads(done.stdout)) == (0, []), done.stderr
    place.write_text(workflow.replace("contents: read ", "contents: write-all "), "utf-8")
    assert subprocess.run([*words, place], capture_output=True, check=False, timeout=60).returncode != 0


class GitLab(ThreadingHTTPServer):
    """GitLab's notes on a loopback port: keeps what was posted."""

    def __init__(self, notes: list[dict[str, Any]]) -> None:
        self.notes = notes
        self.calls: list[tuple[str, str, str]] = []
        super().__init__(("127.0.0.1", 0), _Answers)


class _Answers(BaseHTTPRequestHandler):
    server: GitLab

    def _answer(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        assert self.headers["PRIVATE-TOKEN"] == "t0ken"
        self.server.calls.append((self.command, self.path, body.get("body", "")))
        reply: Any = {"id": 9} if self.path.endswith("/user") else self.server.notes
        content = json.dumps(reply if self.command == "GET" else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 - what the server calls

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def gitlab() -> Iterator[GitLab]:
    server = GitLab([])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def after_script(folder: Path, gitlab: GitLab, **more: str) -> None:
    """Run what the GitLab job does after its script."""
    (script,) = yaml.safe_load(block("gitlab job"))["gate"]["after_script"]
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GITLAB_TOKEN": "t0ken",
        "CI_API_V4_URL": f"http://127.0.0.1:{gitlab.server_address[1]}/api/v4",
        "CI_PROJECT_ID": "11",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_JOB_NAME_SLUG": "gate",
        "no_proxy": "127.0.0.1",
    } | more
    done = subprocess.run(["bash", "-e", "-c", script], cwd=folder, env=environ, timeout=60, check=False)
    assert done.returncode == 0


def test_gitlab_gets_one_note_that_is_updated(tmp_path, gitlab):
    """Its own, by its author and the marker in front; else a new one."""
    (tmp_path / "runs" / "desk" / "a").mkdir(parents=True)
    (tmp_path / "runs" / "desk" / "a" / "gate.md").write_text(render_comment(gates.FAILED), "utf-8")
    marker = "<!-- evalkit-gate gate -->"
    after_script(tmp_path, gitlab)
    gitlab.notes += [
        {"id": 1, "author": {"id": 5}, "body": marker},
        {"id": 2, "author": {"id": 9}, "body": f"see {marker}"},
        {"id": 3, "author": {"id": 9}, "body": f"{marker}\nold"},
    ]
    after_script(tmp_path, gitlab)
    notes = "/api/v4/projects/11/merge_requests/7/notes"
    writes = [(method, path) for method, path, _ in gitlab.calls if method != "GET"]
    assert writes == [("POST", notes), ("PUT", f"{notes}/3")]
    body = f"{marker}\n" + render_comment(gates.FAILED).split("\n", 1)[1]
    assert {text for method, _, text in gitlab.calls if method != "GET"} == {body}
    assert len(body) < 1_000_000


def test_gitlab_says_where_nothing_was_judged_and_nothing_without_a_token(tmp_path, gitlab):
    after_script(tmp_path, gitlab, GITLAB_TOKEN="")
    assert gitlab.calls == []
    after_script(tmp_path, gitlab)
    assert "did not judge this commit" in gitlab.calls[-1][2]


def test_the_gitlab_job_keeps_the_report_whatever_comes_and_skips_forks():
    job = yaml.safe_load(block("gitlab job"))["gate"]
    assert set(job) == {"image", "rules", "variables", "script", "after_script", "artifacts"}
    assert job["artifacts"]["when"] == "always"
    assert job["artifacts"]["reports"] == {"junit": "runs/**/junit.xml"}
    assert "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID" in job["rules"][0]["if"]
    assert job["script"][-1].startswith('evalkit gate "$SUITE" --output runs')
