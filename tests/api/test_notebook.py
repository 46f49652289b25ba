"""The README's Python example runs as printed, on support-desk without its tuned arms (training takes minutes)."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import pytest
import yaml

import evalkit
from evalkit.suite.starters import starters

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "suites" / "support-desk"
    shutil.copytree(starters()["support-desk"], folder)
    data = yaml.safe_load((folder / "suite.yaml").read_text(encoding="utf-8"))
    data["models"] = {"base": data["models"]["base"]}
    data["arms"] = {name: {**data["arms"][name]} for name in ("few_shot", "rag")}
    data["arms"]["few_shot"].pop("shot_curve", None)
    data["run"]["latency"] = {"isolated": 2}
    (folder / "suite.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    return folder


def test_the_readme_example_runs(desk, capsys):
    example = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    namespace: dict[str, object] = {}
    exec(compile(example.group(1), "README.md", "exec"), namespace)
    run = namespace["run"]
    assert isinstance(run, evalkit.Run)
    assert str(run.decision.verdict) in capsys.readouterr().out
    assert (Path("my-report") / "report.html").exists()

    wide = run.wide("exact_match")
    assert wide.shape == (30, 2)
    assert list(wide.columns) == ["few_shot", "rag"]
    samples = run.samples()
    assert len(samples) == 60
    assert set(samples.status) == {"ok"}
    assert samples.device_s.gt(0).all()
    assert len(run.scores()) == 60 * 3
    assert "<table" in run._repr_html_()
    with pytest.raises(evalkit.RunError, match="token_f1"):
        run.wide("no such metric")
    assert evalkit.load_run("latest").decision == run.decision


def test_a_run_can_be_started_inside_a_running_loop(desk):
    """Notebooks run cells inside an event loop."""

    async def cell():
        return evalkit.run(desk, limit=4)

    assert asyncio.run(cell()).manifest.n_cases == 4
