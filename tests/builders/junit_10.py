"""The rules of Jenkins' ``junit-10.xsd`` (xUnit plugin), as far as a report without attachments can break them.

Written down from the published schema: which attributes an element must and may have, and which elements may stand in
it. Text may stand only where the schema says "mixed" or "string".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element


@dataclass(frozen=True)
class Rule:
    """What an element must and may have."""

    required: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()
    children: frozenset[str] = frozenset()
    text: bool = False


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_RESULT = Rule(allowed=_set("type message"), text=True)
RULES = {
    "testsuites": Rule(allowed=_set("name time tests failures errors"), children=_set("testsuite")),
    "testsuite": Rule(
        required=_set("name tests failures errors"),
        allowed=_set("group time skipped timestamp hostname id package file log url"),
        children=_set("testsuite properties testcase system-out system-err"),
    ),
    "testcase": Rule(
        required=_set("name"),
        allowed=_set("time classname group"),
        children=_set(
            "skipped error failure rerunFailure rerunError flakyFailure flakyError system-out system-err"
        ),
    ),
    "failure": _RESULT,
    "error": _RESULT,
    "skipped": _RESULT,
    "system-out": Rule(text=True),
    "system-err": Rule(text=True),
    "properties": Rule(children=_set("property")),
    "property": Rule(required=_set("name value")),
}


def faults(root: Element) -> Iterator[str]:
    """What the schema would refuse, in words."""
    if root.tag not in RULES:
        yield f"the root is {root.tag}"
    for parent in root.iter():
        rule = RULES.get(parent.tag)
        if rule is None:
            yield f"no element is called {parent.tag}"
            continue
        given = set(parent.keys())
        yield from (f"{parent.tag} lacks {name}" for name in sorted(rule.required - given))
        yield from (
            f"{parent.tag} may not have {name}" for name in sorted(given - rule.required - rule.allowed)
        )
        yield from (f"{child.tag} in {parent.tag}" for child in parent if child.tag not in rule.children)
        beside = [parent.text, *(child.tail for child in parent)]
        if not rule.text and any(text and text.strip() for text in beside):
            yield f"text in {parent.tag}"
