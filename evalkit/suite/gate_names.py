"""Case ids and tags that the gate names, checked where the cases are known."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from evalkit.errors import Problem, did_you_mean
from evalkit.suite.schema import Suite


def gate_case_problems(suite: Suite, ids: Collection[str], tags: Collection[str]) -> Iterator[Problem]:
    """A problem for each case id and tag of the gate that no case has.

    Args:
        suite: As loaded.
        ids: Ids of all cases.
        tags: Tags of all cases.
    """
    if suite.gate is None:
        return
    for key in ("must_pass", "quarantine"):
        for index, case_id in enumerate(getattr(suite.gate, key)):
            if case_id not in ids:
                message = f"no case has the id {case_id!r}. {_nearest(case_id, ids)}"
                yield suite.source.problem(("gate", key, index), message)
    for index, rule in enumerate(suite.gate.rules):
        if rule.tag is not None and rule.tag not in tags:
            message = f"no case has the tag {rule.tag!r}. {did_you_mean(rule.tag, tags)}"
            yield suite.source.problem(("gate", "rules", index, "tag"), message)


def _nearest(case_id: str, ids: Collection[str]) -> str:
    """The nearest id; not all of them, as for names of which there are few."""
    _, asks, nearest = did_you_mean(case_id, sorted(ids)).rpartition("Did you mean ")
    return f"{asks}{nearest}" if asks else f"There are {len(ids):,} cases."
