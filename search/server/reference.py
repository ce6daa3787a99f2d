"""The reference of the HTTP API as one plain page, made from its OpenAPI description; it loads nothing."""

import html
from collections.abc import Mapping
from typing import Any


def reference_page(described: Mapping[str, Any]) -> str:
    """A page for people: every address with its method, its purpose and what it takes.

    Args:
        described: The application's OpenAPI description.
    """
    parts = []
    for path, methods in described["paths"].items():
        for method, one in methods.items():
            parts.append(
                f"<h2><code>{method.upper()} {html.escape(path)}</code></h2><p>{html.escape(one['summary'])}</p>"
            )
            rows = [_row(taken["name"], taken["schema"], taken["in"]) for taken in one.get("parameters", ())]
            rows += _body_rows(described, one.get("requestBody"))
            if rows:
                parts.append(f"<table><tr><th>name</th><th>where</th><th>what</th></tr>{''.join(rows)}</table>")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>The API of personsearch</title></head><body>'
        '<h1>The API of personsearch</h1><p>docs/api.md tells how to use it. <a href="/api/openapi.json">The same for '
        f"programs</a>.</p>{''.join(parts)}</body></html>"
    )


def _body_rows(described: Mapping[str, Any], body: Mapping[str, Any] | None) -> list[str]:
    """The fields of a request's body."""
    if body is None:
        return []
    (content,) = body["content"].values()
    schema = _resolved(described, content["schema"])
    return [_row(name, one, "body") for name, one in schema.get("properties", {}).items()]


def _resolved(described: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema, looked up where it stands elsewhere in the description."""
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _row(name: str, schema: Mapping[str, Any], where: str) -> str:
    return f"<tr><td><code>{html.escape(name)}</code></td><td>{where}</td><td>{html.escape(_kind(schema))}</td></tr>"


def _kind(schema: Mapping[str, Any]) -> str:
    """The type of a value and its range, in a few words."""
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        kind = f"list of {_kind(schema.get('items', {}))}"
    names = {"minimum": "from", "maximum": "to", "maxLength": "at most", "maxItems": "at most", "default": "usually"}
    limits = [f"{word} {schema[name]}" for name, word in names.items() if schema.get(name) not in (None, [], {})]
    return " ".join([kind, *limits])
