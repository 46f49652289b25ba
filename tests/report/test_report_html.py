"""The HTML page: complete, self-contained, safe, and honest about what is not known."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser

import msgspec
import pytest

from evalkit.decision.verdict.conditions import what_would_change
from evalkit.records.decision import Verdict
from evalkit.records.run import PriceUsed
from evalkit.reporting.html import render_html, summary_html
from evalkit.reporting.words import estimate_of
from evalkit.text.number_format import share_of_draws

SECTIONS = [
    *("arms", "differences", "curves", "break-even", "ledger", "checklist", "failures", "flags", "change"),
    *("information", "training", "data", "excerpts", "method", "origin"),
]
VOID = {"meta", "br", "img", "input", "link", "hr"}


class Page(HTMLParser):
    """Every start tag with its attributes, the text outside style, and whether tags close in order."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> out of order"

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


@pytest.fixture(params=["ticket_routing", "hostile", "sparse"])
def page(request) -> Page:
    return Page(request.getfixturevalue("html_of")(request.param))


def test_every_section_is_there_in_order_whatever_the_run_holds(page):
    """A section without content says why; it is not left out."""
    found = [attributes["id"] for tag, attributes in page.tags if tag == "section"]
    assert found == SECTIONS


def test_tags_close_in_order_and_ids_are_unique(page):
    """The page is well-formed, and no anchor or clip path points to two places."""
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {
        attributes["href"][1:] for _, attributes in page.tags if attributes.get("href", "").startswith("#")
    }
    assert targets <= set(ids)


def test_the_page_is_one_file_without_script(page):
    """No script, frame, form or event handler; nothing is loaded; only links that a reader follows leave it."""
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "iframe", "object", "embed", "link", "img", "form", "base", "audio", "video"}
    for tag, attributes in page.tags:
        assert not [
            name for name in attributes if name.startswith("on") or name in ("src", "srcset", "xlink:href")
        ]
        if "href" in attributes:
            assert tag == "a"
            assert re.match(r"#|https?://", attributes["href"]), attributes["href"]
        assert "url(" not in attributes.get("style", "")


def test_nothing_in_the_style_is_fetched(html_of):
    """No import, no font file, no picture by address."""
    style = re.search(r"<style>(.*?)</style>", html_of("ticket_routing"), re.DOTALL)[1]
    assert not re.search(r"@import|@font-face|url\(|https?:|//", style)


def test_a_policy_in_the_page_forbids_scripts_and_fetches(page):
    """Even if something slipped through, a browser would not run it."""
    policies = [
        attributes["content"]
        for tag, attributes in page.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies
    assert policies[0].startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_hostile_text_is_shown_as_text(html_of):
    """Script tags, attribute breakouts and template code of a model appear as they were written."""
    source = html_of("hostile")
    page = Page(source)
    assert "<script>alert(1)</script>" in page.text
    assert "]]></svg></style>--><img src=x onerror=alert(2)>" in page.text
    assert "${{7*7}}" in page.text
    assert "\x1b" not in source
    assert "\u202e" not in source
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert not [link for link in links if "javascript" in link or "alert" in link]


def test_chinese_survives(html_of):
    """Questions, arms and metrics in Chinese stand in the page, in tables and in charts."""
    source = html_of("hostile")
    assert source.count("检索增强生成") > 5
    assert "水泵P17嗡嗡作响但不转动" in source
    assert re.search(r"<text[^>]*>完全匹配", source)


def test_what_is_not_known_is_not_zero(html_of):
    """A run that could price and measure nothing shows no amount and no percentage of quality."""
    page = Page(html_of("sparse"))
    assert not re.search(r"\$ ?0\b", page.text)
    assert "None" not in page.text
    assert "nan" not in page.text.lower().split()
    ledger = re.search(r'<table id="table-ledger".*?</table>', html_of("sparse"), re.DOTALL)[0]
    assert ledger.count("unknown") >= 4
    arms = re.search(r'<table id="table-arms".*?</table>', html_of("sparse"), re.DOTALL)[0]
    assert re.findall(r"<td[^>]*>(\d[^<]*)</td>", arms) == ["3", "0%"]  # n and coverage, which are known


def test_the_verdict_stands_first(ticket_routing, made_decision):
    """Headline, arm, how sure, cost, net benefit, loss, break-even, and what would change it, before any table."""
    records = msgspec.structs.replace(ticket_routing, decision=made_decision())
    text = Page(render_html(records)).text
    top = text[: text.index("One arm is one way of answering")]
    for words in (
        "Fine-tune.",
        "Recommended arm fine_tuned",
        "How sure 97.2 of 100 simulated futures; you required 90",
        "Cost in all over 12 months $1,990 fine_tuned; rag $420.00",
        "Net benefit over 12 months $33,810 fine_tuned; rag $12,400",
        "The other choice loses $21,430 expected loss over 12 months of choosing rag instead",
        "Break-even 2,730 requests a month fine_tuned compared with rag; 90% of futures 1,890 to 4,510",
        "Target, 80% accuracy met",
        "4 for tuning, 2 against",
        "0 invalid, 3 warnings",
        "run of 2026-11-28",
        f"What would change this answer: {what_would_change(records.decision)}",
    ):
        assert words in top, words


def test_a_decision_of_format_1_is_shown_under_its_own_meaning(html_of, ticket_routing):
    """With a notice, in the words that it was made with."""
    text = Page(html_of("ticket_routing")).text
    top = text[: text.index("One arm is one way of answering")]
    assert ticket_routing.decision.format_version == 1
    assert "made by an earlier method" in top
    assert f"Confidence {share_of_draws(ticket_routing.decision.confidence)} of joint draws" in top
    assert "simulated futures; you required" not in top


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_can_be_shown(sparse, verdict):
    """Also the rare ones."""
    decision = msgspec.structs.replace(sparse.decision, verdict=verdict, format_version=2)
    changed = msgspec.structs.replace(sparse, decision=decision)
    assert "Verdict" in Page(render_html(changed)).text


def test_an_embedded_model_is_said_so(html_of):
    """Its advice does not transfer; other runs carry no such note."""
    assert "advice does not transfer to other models" in html_of("ticket_routing")
    assert "advice does not transfer" not in html_of("hostile")


def test_ten_findings_stand_in_four_groups_with_their_evidence(html_of):
    """Declared facts are marked as declared."""
    source = html_of("ticket_routing")
    assert source.count('<article class="finding">') == 10
    text = Page(source).text
    places = [text.index(f" {group} ") for group in ("Use case 1", "Alternatives 2", "Cost 4", "Benefit 8")]
    assert places == sorted(places)
    assert "the target: 80.0% (declared)" in text
    assert "accuracy of few_shot_nearest: 70.9% (few_shot_nearest)" in text


def test_tables_and_charts_can_be_used_without_seeing(page):
    """Every table has a caption and column headings; every picture a description; headings skip no level."""
    tables = [attributes for tag, attributes in page.tags if tag == "table"]
    captions = [attributes for tag, attributes in page.tags if tag == "caption"]
    assert len(tables) == len(captions)
    for tag, attributes in page.tags:
        if tag == "svg":
            assert attributes["role"] == "img"
            assert attributes["aria-label"]
        if tag == "th":
            assert "scope" in attributes
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_a_web_source_is_a_link_and_anything_else_is_text(ticket_routing, html_of):
    """Prices lead to their source; a source that is no address is not made one."""
    rate = PriceUsed(
        item="labour, per hour", price="$60.00", as_of="2026-11-01", source="https://example.org/rates"
    )
    records = msgspec.structs.replace(ticket_routing, prices=(*ticket_routing.prices, rate))
    assert '<a href="https://example.org/rates" rel="noopener noreferrer nofollow">' in render_html(records)
    assert "https://example.org/&#34;onmouseover=&#34;alert(5)" in html_of("hostile")


def test_q_star_is_always_shown_where_it_was_computed(ticket_routing, made_decision):
    """Where no tuned arm was measured, how good one has to be is the answer, and nothing is claimed about tuning."""
    whole = made_decision(Verdict.USE_RAG, recommended_arm="rag", side="untuned", q_star=0.742)
    arms = {name: arm for name, arm in whole.arms.items() if name != "fine_tuned"}
    decision = msgspec.structs.replace(whole, arms=arms)
    text = Page(render_html(msgspec.structs.replace(ticket_routing, decision=decision))).text
    top = text[: text.index("One arm is one way of answering")]
    assert "Tuning was not measured. It would pay from 74.2%" in top
    assert "Do not fine-tune" not in top


def test_the_summary_for_a_notebook_holds_the_verdict_and_the_arms(ticket_routing, hostile, summary_of):
    """It is a fragment that styles nothing outside itself."""
    source = summary_html(ticket_routing)
    page = Page(source)
    assert page.open == []
    assert "Fine-tune." in page.text
    assert estimate_of(summary_of("fine_tuned").quality["accuracy"]) == "85.9% (81.7 to 89.3)"
    assert "85.9% (81.7 to 89.3)" in page.text
    rules = re.findall(r"([^{}]+)\{[^{}]*\}", re.search(r"<style>(.*?)</style>", source, re.DOTALL)[1])
    selectors = [one.strip() for rule in rules for one in rule.split(",") if "@media" not in one]
    assert all(one.startswith(".evalkit-summary") for one in selectors), selectors
    assert not [tag for tag, _ in Page(summary_html(hostile)).tags if tag in ("script", "img")]


def test_names_in_backticks_are_code_and_stay_escaped(sparse):
    """Advice names settings that way."""
    decision = msgspec.structs.replace(sparse.decision, explanation="add a `shot_curve` <b>`<i>`")
    source = render_html(msgspec.structs.replace(sparse, decision=decision))
    assert "add a <code>shot_curve</code> &lt;b&gt;<code>&lt;i&gt;</code>" in source
