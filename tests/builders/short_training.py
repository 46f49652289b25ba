"""The support desk with a training of seconds, for tests that stop it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from evalkit.suite.starters import starters


def write_short_training(folder: Path, *, rows: int, steps: int, checkpoint_every: dict[str, Any]) -> None:
    """A copy of suites/support-desk with two arms, one of which is trained once.

    Args:
        folder: Made anew.
        rows: How many training rows it keeps.
        steps: How many steps the training takes.
        checkpoint_every: As the suite writes it: ``{"steps": 3}`` or ``{"seconds": 60}``.
    """
    shutil.copytree(starters()["support-desk"], folder)
    data = yaml.safe_load((folder / "suite.yaml").read_text(encoding="utf-8"))
    data["models"]["tuned"] = {
        **{key: data["models"]["tuned"][key] for key in ("type", "base", "train")},
        "fractions": [1.0],
        "batch_size": 4,
        "epochs": 1,
        "min_steps": steps,
        "checkpoint_every": checkpoint_every,
    }
    data["arms"] = {
        "few_shot": {"model": "base", "prompt": "house"},
        "fine_tuned": data["arms"]["fine_tuned"],
    }
    data["run"]["latency"] = {"isolated": 0}
    (folder / "suite.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    lines = (folder / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "train.jsonl").write_text("".join(lines[:rows]), encoding="utf-8")
