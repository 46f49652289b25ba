"""A chart definition as an inline SVG picture, made offline."""

from __future__ import annotations

import html
import itertools
import re
from typing import Any

from evalkit.plain import plain

VegaLite = dict[str, Any]
"""A Vega-Lite 6 document: the same one serves the HTML report and a Streamlit viewer."""

_OPENING = re.compile(r'<svg[^>]*?width="(?P<width>[\d.]+)" height="(?P<height>[\d.]+)"[^>]*>')
_ID = re.compile(r'\bid="([^"]+)"')
# Vega writes an empty shape for every group it might have filled, and labels it has hidden for want of room.
_ROLE = re.compile(r' (?:role="graphics-[a-z]+"|aria-roledescription="[^"]*")')
_EMPTY = re.compile(
    r'<path class="(?:back|fore)ground" aria-hidden="true" d="(?:M0,0h0v0h0Z)?"[^>]*/>'
    r'|<text[^>]* opacity="0">[^<]*</text>'
)


def to_svg(chart: VegaLite, name: str, description: str) -> str:
    """Draw a chart.

    Args:
        chart: Its data are inside; nothing is fetched.
        name: Unique on the page, so that the pictures' ids do not clash.
        description: What the picture shows, for those who do not see it.

    Returns:
        An ``<svg>`` element whose text has no font of its own and so takes that of the page. Data are escaped by
        the renderer; ids are numbered per picture, so that the same chart gives the same bytes.
    """
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(_clean(chart), allowed_base_urls=[])
    opening = _OPENING.match(drawn)
    if opening is None:
        raise ValueError(f"the renderer returned no picture for {name!r}: {drawn[:80]!r}")
    body = _EMPTY.sub("", drawn[opening.end() :]).replace(' font-family="sans-serif"', "")
    body = _ROLE.sub("", body)  # the picture has one description; its parts have none
    numbers = itertools.count(1)
    for old in _ID.findall(body):
        new = f"{name}-{next(numbers)}"
        body = body.replace(f'id="{old}"', f'id="{new}"').replace(f"url(#{old})", f"url(#{new})")
    width, height = opening["width"], opening["height"]
    return (
        f'<svg role="img" aria-label="{html.escape(description)}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">{body}'
    )


def _clean(part: Any) -> Any:
    """Without characters that XML does not know: on one of them the renderer ends the whole process."""
    if isinstance(part, str):
        return plain(part)
    if isinstance(part, dict):
        return {key: _clean(value) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [_clean(value) for value in part]
    return part
