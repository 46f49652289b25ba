"""Training and decoding agree on where an answer ends; what they cannot agree on is told before anything is trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from evalkit.errors import DataError, SuiteError
from evalkit.models.embedded.model import weights_folder
from evalkit.pipeline.prepare import prepare
from evalkit.pipeline.train import check_training
from evalkit.suite.load import load_suite
from tests.builders.recorded_runs import FIXTURES

QWEN3 = (
    "{%- for m in messages -%}{%- if m.role != 'assistant' -%}[{{ m.role }}]{{ m.content }}{{ eos_token }}"
    "{%- else -%}[assistant]{% if loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m.content }}{{ eos_token }}"
    "{%- endif -%}{%- endfor -%}{%- if add_generation_prompt -%}[assistant]{%- endif -%}"
)
"""Writes an empty think block before the last answer, as Qwen3's template does."""
ENDLESS = (
    "{{bos_token}}{% for m in messages %}{% if m.role=='user' %}[U]{{m.content}}[A]{% else %}{{m.content}}{% endif %}"
    "{% endfor %}"
)
"""Writes nothing behind an answer."""
TEMPLATES = {
    "public-think-block-stop": QWEN3,
    "public-no-end-token": None,
    "public-no-end-token-template": ENDLESS,
}


def copy_of(name: str, folder: Path) -> Path:
    return Path(shutil.copytree(FIXTURES / "failing" / name, folder / name))


def write_model(folder: Path, template: str | None, *, end: str | None = "<eos>") -> None:
    """The shipped weights with another template, whose only end token is ``end``."""
    shutil.copytree(weights_folder(), folder)
    (folder / "chat_template.jinja").unlink()
    if template is not None:
        (folder / "chat_template.jinja").write_text(template)
    generation = json.loads((folder / "generation_config.json").read_text())
    config = json.loads((folder / "config.json").read_text())
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    generation["eos_token_id"] = config["eos_token_id"] = None if end is None else 2
    if end is None:
        del tokenizer["eos_token"]
    (folder / "generation_config.json").write_text(json.dumps(generation))
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))


def write_rows(folder: Path, answers: list[str]) -> None:
    for name in ("cases", "train"):
        rows = [
            {"id": f"{name}{index}", "question": f"code {index}", "answer": answer}
            for index, answer in enumerate(answers)
        ]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["public-multiline-stop", *TEMPLATES])
def test_a_tuned_answer_ends_where_its_training_answer_ended(name, evalkit_command, tmp_path):
    """Four answers learned by heart come back whole, and stop: of two lines, behind a think block, without an end in
    the template, and without a template."""
    folder = copy_of(name, tmp_path)
    if name in TEMPLATES:
        write_model(folder / "model", TEMPLATES[name])
    done = evalkit_command("run", folder, "-o", tmp_path / "reports", "--no-cache")
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "reports" / "t").glob("2*")
    scores = {
        f"{row['case_id']}|{row['metric']}": row["value"]
        for row in map(json.loads, (run / "scores.jsonl").read_text().splitlines())
    }
    samples = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
    assert scores == json.loads((folder / "expected.json").read_text())["scores"]
    assert {sample["finish_reason"] for sample in samples} == {"stop"}
    thought = "<think>\n\n</think>" if name == "public-think-block-stop" else None
    assert {sample["reasoning_text"] for sample in samples} == {thought}
    if thought:
        assert all(0 < sample["usage"]["reasoning"] < sample["usage"]["output"] for sample in samples)


def test_one_line_answers_keep_the_line_end_as_their_stop(tmp_path):
    """So the keys of caches and adapters stay; with one answer of two lines the default is the model's own end."""
    folder = copy_of("public-multiline-stop", tmp_path)
    assert prepare(load_suite(folder)).suite.models["base"].stop is None
    write_rows(folder, ["alpha red", "alpha blue\n"])
    assert prepare(load_suite(folder)).suite.models["base"].stop == ["\n"]
    write_rows(folder, ["alpha red", "alpha\nblue"])
    suite = (folder / "suite.yaml").read_text()
    (folder / "suite.yaml").write_text(suite.replace("max_tokens: 40", "max_tokens: 40, stop: ['x']"))
    assert prepare(load_suite(folder)).suite.models["base"].stop == ["x"]


def test_a_stop_that_cuts_some_training_answers_is_told_before_training(tmp_path):
    folder = copy_of("public-multiline-stop", tmp_path)
    write_rows(folder, ["alpha red", "alpha\nblue", "alpha green"])
    suite = (folder / "suite.yaml").read_text()
    (folder / "suite.yaml").write_text(suite.replace("max_tokens: 40", 'max_tokens: 40, stop: ["\\n"]'))
    (warning,) = check_training(prepare(load_suite(folder)).suite)
    assert "cuts 1 of 3 training answers" in warning and "train.jsonl:2" in warning


def test_a_stop_that_cuts_every_training_answer_is_refused(tmp_path):
    folder = copy_of("public-multiline-stop", tmp_path)
    suite = (folder / "suite.yaml").read_text()
    (folder / "suite.yaml").write_text(suite.replace("max_tokens: 40", "max_tokens: 40, stop: []"))
    with pytest.raises(SuiteError, match=r"suite.yaml:5.*own end of 'base' cuts 4 of 4.*Leave `stop` out"):
        list(check_training(prepare(load_suite(folder)).suite))


def test_a_tune_whose_answers_nothing_could_end_is_refused(tmp_path):
    """No end in the template, no end token in the settings, and no stop string."""
    folder = copy_of("public-no-end-token-template", tmp_path)
    write_model(folder / "model", ENDLESS, end=None)
    with pytest.raises(
        SuiteError, match=r"suite.yaml:6: models.tuned.base: nothing ends an answer.*Set `eos_token`"
    ):
        list(check_training(prepare(load_suite(folder)).suite))


def test_a_training_row_over_the_context_is_named_by_file_and_line(tmp_path):
    """Found by ``validate``, before anything runs, also where its place in the file is not its place in training."""
    folder = copy_of("public-long-training-row", tmp_path)
    with pytest.raises(DataError, match=r"train\.jsonl:7: has 708 tokens.*'base' takes 512"):
        list(check_training(prepare(load_suite(folder)).suite))


def test_validate_ends_with_2_on_a_training_row_over_the_context(evalkit_command, tmp_path):
    folder = copy_of("public-long-training-row", tmp_path)
    done = evalkit_command("validate", folder)
    assert done.returncode == 2 and "train.jsonl:7" in done.stderr
    assert "All files are fine" not in done.stdout
