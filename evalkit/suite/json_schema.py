"""The suite file's schema, for editors."""

from __future__ import annotations

import json
from typing import Any

from evalkit.registry import METRICS
from evalkit.suite.models import BUILT_IN_TYPES
from evalkit.suite.retrieval import EMBEDDER_TYPES
from evalkit.suite.schema import Suite


def suite_schema() -> str:
    """JSON Schema (draft 2020-12) of ``suite.yaml``, ending with a newline.

    The short forms that people write (``- token_f1``, ``requests_per_month: 1000``, ``cases: cases.jsonl``) are
    allowed beside the long ones.
    """
    schema: dict[str, Any] = Suite.model_json_schema()
    definitions = schema["$defs"]
    names = {"type": "string", "examples": METRICS.names()}
    definitions["MetricConfig"] = {
        "anyOf": [
            names,
            {"type": "object", "minProperties": 1, "maxProperties": 1, "propertyNames": names},
            definitions["MetricConfig"],
        ]
    }
    definitions["Range"] = {"anyOf": [{"type": "number", "minimum": 0}, definitions["Range"]]}
    definitions["CasesConfig"] = {"anyOf": [{"type": "string"}, definitions["CasesConfig"]]}
    for plugin, built_in in (("PluginModelConfig", BUILT_IN_TYPES), ("PluginEmbedderConfig", EMBEDDER_TYPES)):
        definitions[plugin]["properties"]["type"]["not"] = {"enum": list(built_in)}
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
