"""The Markdown report."""

from __future__ import annotations

import re

import msgspec
import pytest
from markdown_it import MarkdownIt

from evalkit.reporting.markdown import render_markdown
from evalkit.reporting.markdown_text import escaped


def tokens(text: str):
    return MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)


@pytest.mark.parametrize("run", ["ticket_routing", "hostile", "sparse"])
def test_tables_are_well_formed(run, request):
    """Every line of a table is understood as a row, with as many cells as the heading has."""
    text = render_markdown(request.getfixturevalue(run))
    found = tokens(text)
    tables = [index for index, token in enumerate(found) if token.type == "table_open"]
    rules = re.findall(r"^\| ---.*$", text, re.MULTILINE)
    assert len(tables) == len(rules) > 0
    rows = sum(token.type == "tr_open" for token in found)
    assert rows == len(re.findall(r"^\| ", text, re.MULTILINE)) - len(rules)
    for line in re.findall(r"^\| .*$", text, re.MULTILINE):
        assert line.endswith(" |")
    for start in tables:
        end = next(index for index in range(start, len(found)) if found[index].type == "table_close")
        counts = []
        for token in found[start:end]:
            if token.type == "tr_open":
                counts.append(0)
            elif token.type in ("th_open", "td_open"):
                counts[-1] += 1
        assert len(set(counts)) == 1


def test_hostile_text_makes_no_markup(hostile):
    """No raw HTML, no link, no picture, no heading and no code span comes from names, questions or outputs."""
    found = tokens(render_markdown(hostile))
    inline = [child for token in found for child in token.children or []]
    assert not [token for token in found if token.type == "html_block"]
    assert not [child for child in inline if child.type in ("html_inline", "image", "code_inline", "em_open")]
    links = [child.attrs["href"] for child in inline if child.type == "link_open"]
    assert all(link.startswith(("https://arxiv.org/", "https://doi.org/")) for link in links)
    headings = [found[index + 1].content for index, token in enumerate(found) if token.type == "heading_open"]
    assert "heading" not in headings
    assert "\x1b" not in render_markdown(hostile)


def test_the_checklist_has_ten_entries_with_evidence(ticket_routing):
    """Numbered 1 to 10."""
    text = render_markdown(ticket_routing)
    assert re.findall(r"^### (\d+)\.", text, re.MULTILINE) == [str(number) for number in range(1, 11)]
    assert "- the target: 80.0% (declared)" in text
    assert "- accuracy of few_shot_nearest: 70.9% (few_shot_nearest)" in text


def test_the_verdict_is_in_the_first_lines(ticket_routing, made_decision):
    """A reader of a pull request sees it without scrolling."""
    records = msgspec.structs.replace(ticket_routing, decision=made_decision())
    top = "\n".join(render_markdown(records).splitlines()[:22])
    assert "**Fine-tune.**" in top
    assert "**fine_tuned**" in top
    assert "**97.2 of 100**" in top
    assert "What would change this answer" in top


def test_what_is_not_known_is_not_zero(sparse):
    """Unknown money and quality are words."""
    text = render_markdown(sparse)
    assert not re.search(r"\$ ?0\b", text)
    assert "None" not in text
    assert text.count("unknown") > 10


def test_chinese_survives(hostile):
    """As written, unescaped."""
    assert "水泵P17嗡嗡作响但不转动" in render_markdown(hostile)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b _c_", r"a_b \_c\_"),
        ("# x", r"\# x"),
        ("- x", r"\- x"),
        ("1. x", r"1\. x"),
        ("|", r"\|"),
        ("&lt;", "&amp;lt;"),
        ("a\nb", "a b"),
    ],
)
def test_markdown_is_escaped_and_words_are_left_alone(text, shown):
    """Underscores inside names stay readable in the source."""
    assert escaped(text) == shown


@pytest.mark.parametrize(
    ("text", "parted"),
    [
        ("see https://evil.example/a.png now", "https:_//evil.example/a.png"),
        ("HTTP://evil.example", "HTTP:_//evil.example"),
        ("www.evil.example", "www_.evil.example"),
        ("a@evil.example", "a@_evil.example"),
        ("@octocat, @_x and @组/人", r"@_octocat, @_\_x and @_组/人"),
        ("owner/repo#12 #7", "owner/repo#_12 #_7"),
        ("a: // b, c # 1, 3 @ 2", "a: // b, c # 1, 3 @ 2"),
    ],
)
def test_no_site_makes_a_link_or_a_message_of_an_outsiders_words(text, parted):
    """Addresses, names behind @ and numbers of issues: a word joiner (shown as _) parts what a site looks for."""
    assert parted in escaped(text).replace("\u2060", "_")


@pytest.mark.parametrize("text", ["::error::x", "/close", " ::set-output::"])
def test_no_line_begins_as_a_command_of_a_site(text):
    """GitHub's workflow commands and GitLab's quick actions."""
    assert escaped(text).startswith("\\")


NAME = "x\n```\n![p](http://evil.example/a.png) <img src=http://evil.example/b.png> ````` \n```sh\n::error::y##vso[z]"


@pytest.mark.parametrize(
    "field", ["suite_path", "run_id", "evalkit_version", "git_commit", "platform", "suite"]
)
def test_no_name_of_a_run_folder_from_elsewhere_ends_the_fence(ticket_routing, field):
    """The commands stay in their fence, each in one line; nothing behind it is live."""
    manifest = msgspec.structs.replace(ticket_routing.manifest, **{field: NAME})
    text = render_markdown(msgspec.structs.replace(ticket_routing, manifest=manifest))
    found = MarkdownIt("js-default", {"html": True, "linkify": False}).parse(text)
    inline = [child for token in found for child in token.children or []]
    assert not [child for child in inline if child.type in ("html_inline", "image")]
    assert not [token for token in found if token.type == "html_block"]
    (fence,) = (token for token in found if token.type == "fence")
    assert fence.markup >= "```"
    assert all(line.startswith("evalkit ") for line in fence.content.splitlines())
    assert "##vso[" not in text
    assert not re.search(r"^\s*::", text, re.MULTILINE)
