"""A tuned model as an ordinary folder, for any program that reads transformers folders."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from evalkit.errors import InputError, Problem, RunError
from evalkit.models.local import EXTRA
from evalkit.models.local_files import weights_of
from evalkit.optional import require
from evalkit.records.tuning import TuningRun
from evalkit.suite.models import EmbeddedModelConfig, TransformersModelConfig

# What transformers reads beside weights and configuration, and does not write again where code comes with a model.
_ALONGSIDE = ("*.py", "*.jinja")


def check_target(target: Path) -> None:
    """Raise ``InputError`` where a folder to export to already holds something."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"{target}: is there already; name a new folder")


def export_merged(
    base: EmbeddedModelConfig | TransformersModelConfig,
    *,
    suite_folder: Path,
    adapter: Path,
    run: TuningRun,
    target: Path,
) -> None:
    """Write a base with what tuning added to it as one folder, which appears whole or not at all.

    The weights are those that answer in a run, merged by the same code and in the same number type, so the folder
    as ``type: transformers`` gives the same answers.

    Args:
        base: What was tuned.
        suite_folder: Paths of ``base`` are relative to it.
        adapter: What tuning wrote.
        run: What training took, for the card.
        target: A folder that does not exist, or is empty.

    Raises:
        InputError: ``target`` is there, or ``base`` or ``adapter`` cannot be loaded.
    """
    require("transformers", EXTRA)
    from evalkit.models.engine.quiet import quiet_transformers
    from evalkit.models.engine.weights import load_weights, resolve_device

    check_target(target)
    folder = weights_of(base, suite_folder)
    assert folder is not None  # noqa: S101 - both types lie on this machine
    dtype, trusted = "float32", False
    if isinstance(base, TransformersModelConfig):
        device = resolve_device() if base.device == "auto" else base.device
        # As the base answers: where it says nothing, float32 on the CPU and the stored type elsewhere.
        dtype = "float32" if base.dtype == "auto" and device == "cpu" else base.dtype
        trusted = base.trust_remote_code
    weights = load_weights(folder, adapter=adapter, dtype=dtype, trust_remote_code=trusted)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as workspace:
            made = Path(workspace) / target.name
            with quiet_transformers():
                weights.model.save_pretrained(made, safe_serialization=True)
                weights.tokenizer.save_pretrained(made)
            for pattern in _ALONGSIDE:
                for file in folder.glob(pattern):
                    shutil.copyfile(file, made / file.name)
            (made / "README.md").write_text(_card(run), encoding="utf-8")
            for file in made.iterdir():
                file.chmod(0o644)  # safetensors writes files that only their owner can read
            if target.is_dir():
                target.rmdir()
            made.rename(target)
    except OSError as error:
        raise RunError(Problem(str(target), None, "", f"cannot be written: {error.strerror}")) from error


def _card(run: TuningRun) -> str:
    loss = "" if run.kept_validation_loss is None else f"- validation loss: {run.kept_validation_loss:.4f}\n"
    return (
        f"# {run.model}\n\nTuned and merged by evalkit; weights and adapter are one.\n\n"
        f"- method: {run.method} ({run.trained})\n"
        f"- rows: {run.rows}, validation rows: {run.validation_rows}, seed: {run.seed}\n"
        f"- weights of step {run.kept_step} of {run.steps}\n"
        f"- parameters: {run.trainable_parameters:,} trained of {run.total_parameters:,}\n"
        f"{loss}- digest of rows, base and settings: {run.adapter}\n"
    )
