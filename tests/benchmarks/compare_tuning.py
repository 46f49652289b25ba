"""Full, partial and low-rank tuning of the embedded model on `suites/support-desk`, side by side in one report.

    python tests/benchmarks/compare_tuning.py [REPORTS [EPOCHS]]

One training each, on all rows, first seed, ten looks at the validation loss; the trainings share the cores of the
machine as in a run. What was trained before is taken from evalkit's cache: set EVALKIT_CACHE_DIR to an empty folder to
time it anew. Prints one row a method, and where the report lies.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import yaml

import evalkit

SUITE = Path(__file__).parents[2] / "suites" / "support-desk"
METHODS = {
    "low_rank": {"method": "lora"},
    "last_layers": {"method": "partial", "layers": {"last": 2}, "modules": ["norm"]},
    "whole": {"method": "full"},
    "whole_stopped": {"method": "full", "patience": 2},
}
HEADINGS = ("model", "method", "trained", "of all", "steps", "kept", "tokens", "seconds", "memory MB", "cost",
            "train", "validation", "lowest", "overfits", "exact match")  # fmt: skip


def three_ways(folder: Path, epochs: float) -> Path:
    """The suite with the methods as its tuned models, and few-shot to hold them against."""
    shutil.copytree(SUITE, folder / "suite")
    path = folder / "suite" / "suite.yaml"
    suite = yaml.safe_load(path.read_text())
    shared = {"type": "tuned", "base": "base", "train": "train.jsonl", "epochs": epochs}
    suite["name"] = "tuning-methods"
    suite["models"] = {"base": suite["models"]["base"]} | {
        name: shared | method for name, method in METHODS.items()
    }
    suite["arms"] = {"few_shot": {"model": "base", "prompt": "house"}} | {
        name: {"model": name, "prompt": {"base": "house", "shots": 0}} for name in METHODS
    }
    path.write_text(yaml.safe_dump(suite, sort_keys=False))
    return path.parent


def main() -> None:
    reports = sys.argv[1] if len(sys.argv) > 1 else "reports"
    epochs = float(sys.argv[2]) if len(sys.argv) > 2 else 30
    with tempfile.TemporaryDirectory() as folder:
        run = evalkit.run(three_ways(Path(folder), epochs), output=reports)
        records = run.records()
    quality = {arm.name: arm.quality["exact_match"].mean for arm in run.comparison.arms}
    rows = [HEADINGS]
    for tuned in records.tuning.runs:
        figures = (
            tuned.model,
            tuned.method,
            f"{tuned.trainable_parameters:,}",
            f"{tuned.total_parameters:,}",
            tuned.steps,
            tuned.kept_step,
            f"{tuned.tokens:,}",
            f"{tuned.seconds:.0f}",
            f"{tuned.peak_memory_bytes / 1e6:.0f}",
            f"{tuned.device_cost:.5f} {tuned.currency}",
            f"{tuned.final_train_loss:.4f}",
            f"{tuned.final_validation_loss:.4f}",
            f"{tuned.best_validation_loss:.4f} @ {tuned.best_step}",
            "yes" if tuned.overfitted else "no",
            f"{quality[tuned.model]:.3f}",
        )
        rows.append(tuple(map(str, figures)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
    print(f"few_shot exact match {quality['few_shot']:.3f}\n{run.path / 'report.html'}")


if __name__ == "__main__":
    main()
