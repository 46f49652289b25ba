"""The HTML page: complete, self-contained, safe, and honest about what is not known."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser

import msgspec
import pytest

from evalkit.records.decision import Verdict
from evalkit.records.run import PriceUsed
from evalkit.reporting.html import headline_facts, render_html, summary_html
from evalkit.reporting.verdict_words import what_would_change
from evalkit.reporting.words import estimate_of
from evalkit.text.number_format import share_of_draws, significant

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


def test_the_verdict_stands_first(html_of, ticket_routing, advised_break_even):
    """Headline, arm, confidence, net benefit, break-even and what would change it, before any table."""
    decision = ticket_routing.decision
    text = Page(html_of("ticket_routing")).text
    top = text[: text.index("One arm is one way of answering")]
    for words in (
        "Fine-tune.",
        "Recommended arm fine_tuned",
        f"Confidence {share_of_draws(decision.confidence)} of joint draws",
        f"${decision.arms['fine_tuned'].net_benefit.mode:,.0f}",
        "$8,340",
        f"{significant(advised_break_even.requests_per_month.mode)} requests a month",
        "6,000 requests a month",
        f"What would change this answer: {what_would_change(decision)}",
        "Quality of fine_tuned below 77.0%",
    ):
        assert words in top, words


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_can_be_shown(sparse, verdict):
    """Also the rare ones."""
    changed = msgspec.structs.replace(
        sparse, decision=msgspec.structs.replace(sparse.decision, verdict=verdict)
    )
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


def test_q_star_is_always_shown_where_it_was_computed(sparse):
    """Where no tuned arm was measured, how good one has to be is the answer."""
    decision = msgspec.structs.replace(sparse.decision, q_star=0.742)
    text = Page(render_html(msgspec.structs.replace(sparse, decision=decision))).text
    assert "Tuning would pay from" in text
    assert "74.2%" in text


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


def test_the_break_even_beside_the_verdict_is_the_advised_arms_and_counts_the_value_of_answers(
    ticket_routing, advised_break_even
):
    """Not whichever pair comes first: another tuned arm, or cost alone."""
    found = ticket_routing.decision
    net = advised_break_even
    other = msgspec.structs.replace(net, treatment="another_tuned_arm")
    alone = msgspec.structs.replace(net, basis="cost")
    advised = msgspec.structs.replace(found, recommended_arm=net.treatment, break_even=(other, alone, net))
    facts = headline_facts(msgspec.structs.replace(ticket_routing, decision=advised))
    shown = [fact for fact in facts if "Break-even" in fact.label]
    assert [(fact.label, fact.note) for fact in shown] == [
        ("Break-even", f"{net.treatment} against {net.control}")
    ]
