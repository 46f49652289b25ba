"""What a run was made from: ``manifest.json``."""

from __future__ import annotations

from evalkit.records.arm import ArmFacts
from evalkit.records.record import Count, Record
from evalkit.records.shard import Shard


class Digests(Record, frozen=True, kw_only=True):
    """Content digests of the inputs. Two runs with equal digests answered the same questions.

    Attributes:
        data: Of all files of ``files`` together.
        files: By path in the suite, each example, training, corpus, prompt and answer file; empty in runs made before
            it was kept.
    """

    suite: str
    cases: str
    data: str
    prices: str
    weights: dict[str, str] = {}
    files: dict[str, str] = {}


class ModelOrigin(Record, frozen=True, kw_only=True):
    """Which model answered, by name, where its files lie on this machine.

    Attributes:
        name: The folder's, the file's or the hub's.
        origin: Where it comes from and how its weights are stored, in words; empty for a plain folder.
    """

    name: str
    origin: str = ""


class CaseFacts(Record, frozen=True, kw_only=True):
    """What deciding needs of a case: a row of ``cases.jsonl``. A run is decided without its suite's data.

    Attributes:
        input: Digest of the normalised question with every field that the prompts read. None where no question is
            known (scores measured elsewhere), and in runs made before it was kept.
        content: Digest of what the case asks and accepts, letter by letter, without tags and cluster. None likewise.
    """

    id: str
    cluster: str
    tags: tuple[str, ...] = ()
    input: str | None = None
    content: str | None = None


class FileFacts(Record, frozen=True, kw_only=True):
    """A file of a finished run as it was when the run ended.

    Attributes:
        rows: Its lines.
        digest: Of its bytes.
        marks: Six hex digits for each of at most 128 parts of as many lines, in order: they tell where it was changed.
    """

    rows: Count
    digest: str
    marks: str


class Manifest(Record, frozen=True, kw_only=True):
    """Written when the run starts; ``finished_at`` is added when its last stage ends.

    Attributes:
        suite_path: The suite's folder as the user gave it, for the resume command.
        limit: ``--limit`` as given.
        shard: Which part of a run this is; None for a whole one, and for one that was merged from shards.
        merged_from: The ids of the shards that it was merged from, in order; empty for any other run.
        models: By the names of the suite, the models of one's own that run on this machine, and under
            ``embedder NAME`` the embedders; empty in runs made before it was kept.
        adapter_doubts: What speaks against an adapter having been made for its model, a sentence each.
        files: What the run's figures rest on, by name in its folder. Empty while a stage is at work; None in runs that
            were made before there was such a field.
        seal: Digest of this file without ``seal`` and ``suite_path``; None where ``files`` is empty or None.
    """

    format_version: int = 1
    suite: str
    suite_path: str
    run_id: str
    evalkit_version: str
    python_version: str
    packages: dict[str, str] = {}
    git_commit: str | None = None
    platform: str = ""
    started_at: str
    finished_at: str | None = None
    seed: int
    repeats: Count = 1
    limit: int | None = None
    shard: Shard | None = None
    merged_from: tuple[str, ...] = ()
    n_cases: Count
    prices_as_of: str | None = None
    digests: Digests
    models: dict[str, ModelOrigin] = {}
    adapter_doubts: tuple[str, ...] = ()
    arms: tuple[ArmFacts, ...] = ()
    files: dict[str, FileFacts] | None = None
    seal: str | None = None
