"""Every command that a message or a report shows works when it is typed as it stands.

Each test provokes the message, takes the command out of it, splits it as a shell would, and runs it. Folders have
spaces and quotes in their names.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import tomllib
from importlib.metadata import metadata, requires
from pathlib import Path

import pytest
import yaml

from tests.builders.chat_server import Reply

ROOT = Path(__file__).parents[2]
INPUTS = ROOT / "tests" / "fixtures" / "failing"
ODD = 'it\'s a "folder" of 我的 runs'


def commands_in(text: str) -> list[list[str]]:
    """The commands that stand in lines of their own, without the comment after them."""
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("evalkit ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


@pytest.fixture
def odd(tiny, tmp_path):
    """The small suite in a folder with spaces, quotes and Chinese letters."""
    folder = tmp_path / "my 'own' suites" / "-tiny"
    folder.parent.mkdir()
    return shutil.copytree(tiny, folder)


@pytest.mark.parametrize("output", [None, ODD, "-runs"])
def test_every_command_of_a_report_works(evalkit, odd, tmp_path, output):
    """Wherever the runs are kept."""
    where = [] if output is None else [f"--output={output}"]
    assert evalkit("run", odd, *where).code == 0
    (report,) = (tmp_path / (output or "reports") / "tiny").glob("*/report.md")
    commands = commands_in(report.read_text(encoding="utf-8"))
    assert [command[0] for command in commands] == ["run", "run", "score", "decide", "report"]
    for command in commands:
        done = evalkit(*command)
        assert done.code == 0, (command, done.err)
    assert len(list((tmp_path / (output or "reports") / "tiny").iterdir())) == 1


def test_every_command_of_an_imported_run_works(evalkit, tmp_path):
    """Its folder is where the user said, under a name of the user's."""
    rows = [
        f"c{case},{arm},{(case + shift) % 3 and 1}" for shift, arm in enumerate("ab") for case in range(40)
    ]
    (tmp_path / "scores.csv").write_text("\n".join(["case_id,arm,accuracy", *rows]) + "\n")
    assert evalkit("import", "table", "scores.csv", "-o", ODD).code == 0
    commands = commands_in((tmp_path / ODD / "report.md").read_text(encoding="utf-8"))
    assert [command[0] for command in commands] == ["decide", "report"]
    for command in commands:
        done = evalkit(*command)
        assert done.code == 0, (command, done.err)


def test_what_init_says_next_works(evalkit, tmp_path):
    done = evalkit("init", "my 'first' suite", "--from", "blank")
    commands = commands_in(done.out)
    assert [command[0] for command in commands] == ["validate", "run"]
    assert evalkit(*commands[0]).code == 0


def test_a_missing_suite_is_answered_with_a_command_that_makes_one(evalkit, tmp_path):
    done = evalkit("validate", "my suite")
    (command,) = re.findall(r"`evalkit (.+?)`", done.err)
    assert evalkit(*(word.replace("FOLDER", "my suite") for word in command.split())).code == 0
    assert evalkit("validate", "my suite").code == 0


def test_where_no_run_is_the_message_says_what_makes_one(evalkit, odd):
    done = evalkit("decide", "latest")
    (command,) = re.findall(r"`evalkit (.+?)`", done.err)
    assert evalkit(*(str(odd) if word == "SUITE" else word for word in command.split())).code == 0
    assert evalkit("decide", "latest").code == 0


def test_the_runs_that_are_offered_for_an_unknown_one_exist(evalkit, odd):
    evalkit("run", odd)
    done = evalkit("report", "nothing")
    assert evalkit("report", done.err.strip().rsplit(" ", 1)[-1]).code == 0
    assert evalkit("report", "latest").code == 0


@pytest.fixture
def hosted(chat_server, tmp_path, monkeypatch):
    """A suite of six questions to a server of this test; gives its folder, in a folder with spaces and quotes."""
    monkeypatch.setenv("OPENAI_API_KEY", "of-this-test")
    folder = shutil.copytree(INPUTS / "public-usage-zero", tmp_path / "my 'own' suites" / "hosted")
    suite = yaml.safe_load((folder / "suite.yaml").read_text("utf-8"))
    for config in suite["models"].values():
        config |= {"base_url": chat_server.url, "max_tokens": 100, "max_attempts": 1}
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite), encoding="utf-8")
    return folder


def reply(text: str) -> Reply:
    body = {
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    }
    return Reply(json.dumps(body).encode())


@pytest.mark.parametrize("output", ["reports", ODD])
@pytest.mark.parametrize(
    ("broken", "options", "code"),
    [
        (Reply(b'{"error": {"message": "Incorrect API key provided"}}', status=401), [], 104),
        (Reply(b'{"error": {"message": "The server had an error"}}', status=500), [], 104),
        (reply("Paris"), ["--cost-limit", "0.0031"], 103),
    ],
    ids=["key", "server", "cost-limit"],
)
def test_the_command_that_goes_on_with_a_run_finishes_it(
    evalkit, hosted, chat_server, tmp_path, output, broken, options, code
):
    """Once the cause is mended, the command as printed asks for what is owed and no run is made beside it."""
    chat_server.answer = lambda request: broken
    stopped = evalkit("run", hosted, "-o", output, *options)
    assert stopped.code == code, stopped.err
    (command,) = commands_in(stopped.err)
    chat_server.answer = lambda request: reply("Paris")
    done = evalkit(*command)
    assert done.code == 0, done.err
    (folder,) = (tmp_path / output).glob("*/*")
    assert json.loads((folder / "manifest.json").read_text())["finished_at"] is not None


@pytest.mark.parametrize(
    "wrong",
    [
        ["decied", "latest"],
        ["prices", "gpt-4o-minni"],
        ["init", "new folder", "--from", "blnak"],
        ["compare", "latest", "--metric", "token_f2"],
        ["compare", "latest", "--arms", "few_shot,fine_tunde"],
        ["decide", "latest", "--set", "economics.request_per_month=5"],
    ],
    ids=" ".join,
)
def test_the_name_that_is_meant_is_taken(evalkit, odd, wrong):
    """The word that was mistyped is replaced by the one that the message offers."""
    evalkit("run", odd)
    done = evalkit(*wrong)
    assert done.code == 2
    meant = re.search(r"Did you mean '(.+?)'", done.err) or re.search(r"'(gpt-4o-mini)'", done.err)
    assert meant is not None, done.err
    name = meant.group(1)
    typed = {
        "decied": "decied",
        "prices": "gpt-4o-minni",
        "init": "blnak",
        "compare": "token_f2" if "--metric" in wrong else "fine_tunde",
        "decide": "request_per_month",
    }[wrong[0]]
    mended = evalkit(*(word.replace(typed, name) for word in wrong))
    assert mended.code == 0, mended.err


@pytest.mark.parametrize(
    ("wrong", "option"),
    [(["decide", "--counts", "base=13"], "--counts"), (["decide", "latest", "--set", "economics"], "--set")],
)
def test_the_example_of_a_message_works(evalkit, odd, wrong, option):
    evalkit("run", odd)
    done = evalkit(*wrong)
    assert done.code == 2
    example = done.err.strip().rsplit("such as ", 1)[1]
    assert evalkit(*wrong[: wrong.index(option)], option, example).code == 0


def test_the_limits_that_a_message_offers_work(evalkit, odd):
    done = evalkit("run", odd, "--limit", "all")
    for example in re.findall(r"\(([\d.]+)\)", done.err):
        assert evalkit("run", odd, "--limit", example).code == 0
    wanted = evalkit("run", odd, "--retry-errors")
    assert wanted.code == 2
    assert evalkit("run", odd, "--retry-errors", "--resume", "latest").code == 0


def test_every_extra_that_is_named_exists_and_brings_something():
    """`pip install 'evalkit[NAME]'` of an unknown name installs nothing more, with a warning only."""
    sources = "\n".join(path.read_text("utf-8") for path in (ROOT / "evalkit").rglob("*.py"))
    named = set(re.findall(r"""(?:require|present)\(\s*"[\w.]+",\s*"(\w+)"\s*\)""", sources))
    named |= set(re.findall(r"evalkit\[(\w+)\]", sources))
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert named
    assert named <= {name for name, packages in declared.items() if packages}


def test_the_extras_that_doctor_names_are_those_of_the_package(evalkit):
    """Also where everything is installed: doctor lists each extra by its name."""
    extras = set(evalkit("doctor", "--json").json["extras"])
    assert extras <= set(metadata("evalkit").get_all("Provides-Extra") or ())
    needed = "\n".join(requires("evalkit") or ())
    assert {extra for extra in extras if not re.search(rf"extra == ['\"]{extra}['\"]", needed)} == set()
