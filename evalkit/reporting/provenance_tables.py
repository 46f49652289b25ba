"""Where the evidence comes from: data, training, prices, versions, and the commands that make it again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evalkit.records.manifest import ModelOrigin
from evalkit.records.profile import LengthSpread, TrainingProfile
from evalkit.records.run import RunRecords
from evalkit.reporting import words
from evalkit.reporting.table import Row, Table, left, right
from evalkit.store.run_folder import path_argument, run_argument
from evalkit.text.number_format import UNKNOWN, count, declared_percent, percent, significant

_LONGEST_PATH = 4096  # of Linux; a run folder from elsewhere may state any


@dataclass(frozen=True, slots=True)
class Command:
    """A command a reader may type, and what it does."""

    line: str
    purpose: str


def cases_table(records: RunRecords) -> Table:
    """The cases, before any answer."""
    profile = records.profile
    facts = {
        "Cases": count(profile.cases),
        "Clusters of cases that depend on each other": "every case by itself"
        if profile.clusters == profile.cases
        else f"{count(profile.clusters)}, the largest of {count(profile.largest_cluster)}",
        "With a reference answer": count(profile.with_reference),
        "With known gold passages": count(profile.with_gold_passages),
        "Questions asked twice": count(profile.duplicate_inputs),
        "Length of a question": _spread(profile.input_length),
        "Length of a reference": _spread(profile.reference_length),
        "Passages in the corpus": "no corpus" if profile.passages is None else count(profile.passages),
        "Tags": ", ".join(f"{tag} {count(number)}" for tag, number in profile.tags.items()) or "none",
    }
    return _facts("cases", "The cases", facts)


def training_table(records: RunRecords) -> Table:
    """One column a training or example file."""
    files = list(records.profile.training.values())
    facts = [_training_facts(profile) for profile in files]
    labels = list(facts[0]) if facts else []
    return Table(
        name="training",
        caption="Training and example files",
        columns=(left("Fact", wraps=True), *(left(profile.file) for profile in files)),
        rows=tuple(Row((label, *(of_file[label] for of_file in facts))) for label in labels),
    )


def leaks_table(records: RunRecords) -> Table:
    """Training questions that are also, or nearly, test questions."""
    rows = [
        Row(
            (
                pair.case_id,
                pair.row_id,
                pair.match,
                percent(pair.similarity, 0),
                pair.case_text,
                pair.row_text,
            )
        )
        for profile in records.profile.training.values()
        for pair in profile.leaked
    ]
    return Table(
        name="leaks",
        caption="Test questions found in training files",
        columns=(
            left("Case"),
            left("Row"),
            left("Match"),
            right("Alike"),
            left("Test question", wraps=True),
            left("Training question", wraps=True),
        ),
        rows=tuple(rows),
    )


def prices_table(records: RunRecords) -> Table:
    """The price rows that the ledger rests on."""
    return Table(
        name="prices",
        caption="Prices used",
        columns=(left("Item", wraps=True), right("Price"), left("Checked on"), left("Source", wraps=True)),
        rows=tuple(Row((row.item, row.price, row.as_of, row.source)) for row in records.prices),
    )


def inputs_table(records: RunRecords) -> Table:
    """Digests, versions and seeds: what another run has to share to be the same run."""
    manifest, decision = records.manifest, records.decision
    digests = {
        "suite": manifest.digests.suite,
        "cases": manifest.digests.cases,
        "data": manifest.digests.data,
        "prices": manifest.digests.prices,
        **{f"weights of {name}": digest for name, digest in manifest.digests.weights.items()},
        **{f"{name} (decision)": digest for name, digest in decision.inputs.digests.items()},
    }
    facts = {
        "Run": manifest.run_id,
        "Started": manifest.started_at,
        **({"Finished": manifest.finished_at} if manifest.finished_at is not None else {}),
        "Cases, repeats": f"{count(manifest.n_cases)}, {count(manifest.repeats)}"
        + (f", limited to {count(manifest.limit)}" if manifest.limit is not None else ""),
        "Seed of the run": str(manifest.seed),
        "Seed of the decision": str(decision.seed),
        "evalkit": manifest.evalkit_version,
        "Python": manifest.python_version,
        "Packages": ", ".join(f"{name} {version}" for name, version in manifest.packages.items()) or UNKNOWN,
        "Platform": manifest.platform or UNKNOWN,
        "Git commit": manifest.git_commit or "not in a git repository",
        "Oldest price": decision.inputs.prices_as_of or manifest.prices_as_of or UNKNOWN,
        "Judge": decision.inputs.judge or "none",
        **{f"Model {name}": _origin(model) for name, model in manifest.models.items()},
        **{f"Digest of {name}": digest for name, digest in digests.items() if digest},
    }
    return _facts("inputs", "What this run was made from", facts)


def scope(records: RunRecords) -> str:
    """Which cases, judged by what, with which target, and which models of one's own answered."""
    comparison = records.comparison
    clusters = ""
    if comparison.n_clusters < comparison.n_cases:
        clusters = f" in {count(comparison.n_clusters)} clusters"
    target = "" if records.target is None else f", target {declared_percent(records.target)}"
    metric = words.metric_name(comparison.primary_metric)
    models = records.manifest.models
    own = dict.fromkeys(one.name for name, one in models.items() if not name.startswith("embedder "))
    answered = f" Run on this machine: {', '.join(own)}." if own else ""
    return f"{count(comparison.n_cases)} cases{clusters}, judged by {metric}{target}.{answered}"


def _origin(model: ModelOrigin) -> str:
    return f"{model.name} ({model.origin})" if model.origin else model.name


def commands(records: RunRecords, folder: Path | None = None) -> tuple[Command, ...]:
    """How to go on from this run, typed where it was started.

    Args:
        records: The run.
        folder: The run's folder; without it the run is named by its id, which is found under ``reports`` only.
    """
    manifest = records.manifest
    suite = path_argument(words.clipped(manifest.suite_path, _LONGEST_PATH))
    run = path_argument(manifest.run_id) if folder is None else run_argument(folder, manifest.suite)
    if (
        records.profile.input_length is None or records.profile.input_length.n == 0
    ):  # read from a table of scores
        return (
            Command(f"evalkit decide {run}", "decide again after a price or an assumption has changed"),
            Command(f"evalkit report {run}", "write this report again"),
        )
    return (
        Command(f"evalkit run {suite} --resume {run}", "finish or continue this run; nothing is asked twice"),
        Command(f"evalkit run {suite} --resume {run} --retry-errors", "ask failed cells again"),
        Command(f"evalkit score {run}", "score the answers again, without a model call"),
        Command(f"evalkit decide {run}", "decide again after a price or an assumption has changed"),
        Command(f"evalkit report {run}", "write this report again"),
    )


def _facts(name: str, caption: str, facts: dict[str, str]) -> Table:
    columns = (left("Fact", wraps=True), left("Value", wraps=True))
    return Table(name, caption, columns, tuple(Row(fact) for fact in facts.items()))


def _training_facts(profile: TrainingProfile) -> dict[str, str]:
    limit = "" if profile.length_limit is None else f" (over {count(profile.length_limit)})"
    return {
        "Rows": count(profile.rows),
        "Clusters": count(profile.clusters),
        "Exact duplicates": count(profile.exact_duplicates),
        "Duplicates after normalising": count(profile.normalised_duplicates),
        "Same question, different answers": count(profile.conflicts),
        "Distinct answers": count(profile.distinct_answers),
        "Share of the commonest answer": percent(profile.largest_answer_share),
        "Length of a question": _spread(profile.input_length),
        "Length of an answer": _spread(profile.output_length),
        "Rows over the length limit": count(profile.over_limit) + limit,
        "Rows the base model already answers": percent(profile.base_already_right)
        + (f" of {count(profile.base_asked)} asked" if profile.base_asked else ""),
        "Rows with personal data": count(profile.pii_rows),
        "Questions also among the cases, exactly": count(profile.leaked_exact),
        "Questions also among the cases, nearly": count(profile.leaked_near),
    }


def _spread(spread: LengthSpread | None) -> str:
    if spread is None or spread.n == 0:
        return UNKNOWN
    middle, high, top = (significant(size) for size in (spread.median, spread.p95, spread.maximum))
    return f"median {middle}, 95% up to {high}, longest {top} {spread.unit}"
