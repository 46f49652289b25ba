"""Parts of a stranger's making, each of which would run a command if it were trusted: the file that it makes tells."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

EMBEDDED = Path(__file__).parents[2] / "evalkit" / "models" / "embedded" / "weights"


class Command:
    """Runs a command where it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.file}",)


@dataclass(frozen=True)
class HostileParts:
    """Writes hostile folders.

    Attributes:
        root: Where they are made.
        ran: The file that their commands make.
    """

    root: Path
    ran: Path

    @property
    def _code(self) -> str:
        return f"import os\nos.system('touch {self.ran}')\n"

    def corpus(self, folder: Path) -> None:
        """Passages whose front matter would make objects, and programs beside them."""
        folder.mkdir()
        (folder / "plain.md").write_text("The router is red.")
        (folder / "tagged.md").write_text(
            "---\nid: tagged\n---\n{{ cycler.__init__.__globals__.os.system('true') }}"
        )
        (folder / "rows.jsonl").write_text(
            json.dumps({"id": "r1", "text": "${HOME} `touch x` $(touch x)"}) + "\n"
        )
        (folder / "pickled.pkl").write_bytes(pickle.dumps(Command(self.ran)))
        (folder / "conftest.py").write_text(self._code)

    def tagged_corpus(self, folder: Path) -> None:
        """One passage whose front matter is a YAML tag that calls a function."""
        folder.mkdir()
        tag = f"!!python/object/apply:os.system ['touch {self.ran}']"
        (folder / "tagged.md").write_text(f"---\nid: {tag}\n---\ntext")

    def model(self, folder: Path, *, template: bool) -> None:
        """A copy of the embedded model with programs and pickles; with ``template``, its chat template runs one."""
        shutil.copytree(EMBEDDED, folder)
        for name, classes in (
            ("config.json", ("AutoConfig", "AutoModelForCausalLM")),
            ("tokenizer_config.json", ("AutoTokenizer",)),
        ):
            settings = json.loads((folder / name).read_text())
            settings["auto_map"] = {each: f"modeling_theirs.{each}" for each in classes}
            (folder / name).write_text(json.dumps(settings))
        (folder / "modeling_theirs.py").write_text(self._code)
        (folder / "__init__.py").write_text(self._code)
        for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt"):
            (folder / name).write_bytes(pickle.dumps(Command(self.ran)))
        if template:
            (folder / "chat_template.jinja").write_text(
                "{{ cycler.__init__.__globals__.os.system('touch " + str(self.ran) + "') }}"
            )

    def cache(self, folder: Path) -> None:
        """Files of a cache as they would lie there, with pickles in every place that a library might open."""
        for place in ("indexes/aa/collection/chunks", "adapters/bb", "adapters/.jobs"):
            (folder / place).mkdir(parents=True)
        with sqlite3.connect(folder / "indexes/aa/collection/chunks/storage.sqlite") as table:
            table.execute("create table points (id text, point blob)")
            table.execute("insert into points values ('a', ?)", (pickle.dumps(Command(self.ran)),))
        (folder / "adapters/bb/adapter_model.bin").write_bytes(pickle.dumps(Command(self.ran)))
        (folder / "adapters/.jobs/cc.json").write_text(json.dumps({"model": {"type": "os:system"}}))
        with sqlite3.connect(folder / "vectors.sqlite") as table:
            table.execute(
                "create table vectors (key text primary key, vector blob, tokens real, service_s real)"
            )
            table.execute("insert into vectors values ('k', ?, 1, 1)", (pickle.dumps(Command(self.ran)),))

    def poison_indexes(self, cache: Path) -> None:
        """Pickles beside, and in place of, the vectors of every index that a run has left in a cache."""
        for mark in cache.glob("indexes/*/evalkit.json"):
            mark.with_name("vectors.npy").write_bytes(pickle.dumps(Command(self.ran)))
            (mark.parent / "collection").mkdir()
            (mark.parent / "collection" / "storage.dbm").write_bytes(pickle.dumps(Command(self.ran)))

    def suite(self, folder: Path, **keys: Any) -> Path:
        """A suite of recorded answers that reads the hostile corpus; ``keys`` are other top-level keys."""
        folder.mkdir()
        self.corpus(folder / "docs")
        (folder / "evalkit.py").write_text(
            self._code
        )  # none of these is on the path that Python imports from
        (folder / "sitecustomize.py").write_text(self._code)
        (folder / "git").write_text(f"#!/bin/sh\ntouch {self.ran}\n")
        (folder / "git").chmod(0o755)
        rows = [{"id": f"c{n}", "input": f"{{{{7*7}}}} question {n}", "reference": "yes"} for n in range(12)]
        _write_rows(folder / "cases.jsonl", rows)
        for name, right in (("a", 4), ("b", 6)):
            said = ["yes" if n % right else "{{7*7}}" for n in range(12)]
            _write_rows(
                folder / f"{name}.jsonl",
                [{"case_id": f"c{n}", "output": text} for n, text in enumerate(said)],
            )
        rag = {"model": "taught", "retrieval": {"corpus": "docs", "method": "bm25", "top_k": 1}}
        index = {"model": "taught", "retrieval": {"corpus": "docs", "method": "qdrant", "top_k": 1}}
        data = {
            "name": "theirs",
            "cases": "cases.jsonl",
            "models": {
                "shown": {"type": "recorded", "path": "a.jsonl", "kind": "few_shot"},
                "taught": {"type": "recorded", "path": "b.jsonl"},
            },
            "embedders": {"h": {"type": "hashed", "dimensions": 32}},
            "arms": {"few_shot": {"model": "shown"}, "rag": rag, "index": index},
            "metrics": ["exact_match"],
            "decision": {"draws": 500},
            **keys,
        }
        (folder / "suite.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
        return folder


def without_seal(run: Path) -> None:
    """Make a run as of before runs were sealed: a stranger need not write the digests of what was changed."""
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps(manifest | {"files": None, "seal": None}))


def _write_rows(file: Path, rows: list[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
