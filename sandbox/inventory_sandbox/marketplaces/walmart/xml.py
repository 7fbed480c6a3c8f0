"""Walmart answers XML to a caller that does not ask for JSON."""

from __future__ import annotations

import json
from xml.sax.saxutils import escape


def to_xml(body: bytes) -> bytes:
    """A JSON body as XML: objects and lists become elements by their names."""
    value = json.loads(body)
    inner = _element("response", value)
    return b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n' + inner.encode()


def _element(name: str, value: object) -> str:
    if isinstance(value, dict):
        return f"<{name}>{''.join(_element(str(key), one) for key, one in value.items())}</{name}>"
    if isinstance(value, list):
        return "".join(_element(name, one) for one in value)
    if value is None:
        return f"<{name}/>"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}>{escape(text)}</{name}>"
