"""Feeds: read as text, whatever they bring; saved by what the server knows, not by the form."""

import builtins
import io
import socket
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dashboard.plugins import feed_reader
from dashboard.plugins.acts import ActProblem, Doing, Placed
from dashboard.plugins.feed_reader.reading import prepare, read_feed
from dashboard.plugins.render import Placement
from dashboard.plugins.sources import Content, Source, Unreadable

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>The &amp;amp; wire</title>
<item><guid>1</guid><title>Ferry &lt;b&gt;strike&lt;/b&gt;</title><link>https://wire.example/1</link>
<pubDate>Wed, 25 Nov 2026 11:10:00 +0100</pubDate><description><![CDATA[<p>No ferries.</p>
<script>alert(1)</script><img src=x onerror=y>Read <a href="https://x">more</a>&hellip;]]></description>
</item><item><title>Second</title><link>javascript:alert(1)</link></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title type="text">Less &lt; more</title>
<entry><id>tag:a,1</id><title type="html">A &amp;lt;b&amp;gt; &lt;i&gt;c&lt;/i&gt;</title>
<link href="https://a.example/1"/><updated>2026-11-25T10:00:00Z</updated>
<summary type="text">1 &lt; 2 &amp;amp; &lt;b&gt;</summary></entry></feed>"""


def read(text, charset=""):
    data = text if isinstance(text, bytes) else text.encode()
    return read_feed(Content(data, "text/xml", charset, NOW))


def test_rss_is_read_as_plain_text():
    feed = read(RSS)
    first, second = feed.items
    assert (feed.title, first.title, first.link) == (
        "The & wire", "Ferry strike", "https://wire.example/1"
    )  # fmt: skip
    assert first.summary == "No ferries. Read more…"
    assert first.at == datetime(2026, 11, 25, 10, 10, tzinfo=UTC)
    assert (second.title, second.link, second.at) == ("Second", "", None)


def test_atom_says_itself_what_is_text():
    feed = read(ATOM)
    assert feed.title == "Less < more"
    [item] = feed.items
    assert (item.title, item.summary) == ("A <b> c", "1 < 2 &amp; <b>")


def test_an_item_keeps_its_id_and_no_two_have_the_same():
    uids = [item.uid for item in read(RSS).items]
    assert uids == [item.uid for item in read(RSS.replace("Ferry", "Boat")).items]
    assert len(set(uids)) == 2


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("<b>a</b>b", "ab"), ("<p>a</p><p>b", "a b"), ("a<br>b", "a b"), ("<!-- x -->a", "a"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"), ("a &lt;script&gt;", "a <script>"),
        ("a<style>b{}</style>c", "a c"), ("<svg/onload=x>a", "a"),
        ("a\u202eb\x00\x07c", "a b c"), ("3 < 4 and 5 > 4", "3 < 4 and 5 > 4"),
    ],
)  # fmt: skip
def test_markup_is_taken_out_and_entities_are_read_once(markup, words):
    item = "<item><title>t</title><description><![CDATA[{}]]></description></item>"
    feed = read(f"<rss version='2.0'><channel>{item.format(markup)}</channel></rss>")
    assert feed.items[0].summary == words


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "data:text/html,x", "//x.example", "ftp://x.example/", "https://", "/x",
     "JaVaScRiPt:x", f"https://x.example/{'y' * 2000}", "vbscript:x", "https://[x"],
)  # fmt: skip
def test_links_lead_only_to_the_web(link):
    item = f"<item><title>t</title><link>{link}</link></item>"
    assert read(f"<rss version='2.0'><channel>{item}</channel></rss>").items[0].link == ""


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        ("<?xml version='1.0' encoding='iso-8859-1'?>{}".encode("latin-1"), ""),
        ("{}".encode("latin-1"), "ISO-8859-1"),
        (b"{}", "utf-8"),
        (b"{}", "utf-7"),  # not an encoding that anybody writes: taken for UTF-8
        (b"\xef\xbb\xbf{}", "iso-8859-1"),
        ("\ufeff{}".encode("utf-16-le"), ""),
        ("{}".encode("utf-16-be"), "utf-16be"),
    ],
)
def test_every_usual_encoding_is_read(data, charset):
    rss = "<rss version='2.0'><channel><item><title>Är</title></item></channel></rss>"
    wide = b"\0" in data
    kind = ("utf-16-le" if data[:1] == b"\xff" else "utf-16-be") if wide else ""
    latin = b"8859" in data[:60] or charset == "ISO-8859-1"
    encoded = rss.encode(kind or ("latin-1" if latin else "utf-8"))
    data = data.replace("{}".encode(kind or "ascii"), encoded)
    assert read(data, charset).items[0].title == "Är"


LAUGHS = "".join(
    f'<!ENTITY l{at} "{"".join(f"&l{at - 1};" for _ in range(10)) if at else "ha" * 100}">'
    for at in range(10)
)
BODY = "<rss version='2.0'><channel><item><title>{}</title></item></channel></rss>"


@pytest.fixture
def sealed(monkeypatch):
    """No file is opened and no socket made: whoever tries fails the test."""

    def refuse(*given, **more):
        pytest.fail(f"opened {given}")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    read(RSS)  # whatever is imported late has been by now
    monkeypatch.setattr(builtins, "open", refuse)
    monkeypatch.setattr(io, "open", refuse)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "declared",
    [
        f"[{LAUGHS}]", f'[<!ENTITY l9 "{"x" * 100_000}">]',
        '[<!ENTITY l9 SYSTEM "file:///etc/passwd">]', '[<!ENTITY l9 PUBLIC "a" "http://127.0.0.1/">]',
        '[<!ENTITY % p SYSTEM "http://127.0.0.1/x.dtd"> %p;]', '[<!entity l9 "x">]',
    ],
)  # fmt: skip
def test_a_feed_that_declares_entities_is_refused(sealed, declared, encoding):
    text = f"<?xml version='1.0'?><!DOCTYPE rss {declared}>{BODY.format('&l9;' * 10)}"
    with pytest.raises(Unreadable, match="declares entities"):
        read(text.encode(encoding))


@pytest.mark.parametrize(
    "text",
    [
        # declared where it does not count, or referred to from outside
        BODY.format("&l9;").replace("<channel>", f"<!DOCTYPE rss [{LAUGHS}]><channel>"),
        f"<!-- <a -->\n<!DOCTYPE rss [{LAUGHS}]>{BODY.format('&l9;')}",
        "<!DOCTYPE rss SYSTEM 'http://127.0.0.1/rss.dtd'>" + BODY.format("ok"),
        "<?xml-stylesheet href='http://127.0.0.1/x.xsl'?>" + BODY.format("ok"),
        BODY.format("<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='file:///etc/passwd'/>"),
        BODY.format("&l9; &nbsp; &hellip;"),
    ],
)  # fmt: skip
def test_nothing_is_expanded_and_nothing_fetched(sealed, text):
    try:
        feed = read(text)
    except Unreadable:
        return
    assert "haha" not in str(feed)
    assert "root:" not in str(feed)


def test_nothing_before_the_first_element_reaches_a_parser():
    text = "<?xml version='1.0'?><!DOCTYPE rss SYSTEM 'http://127.0.0.1/x.dtd'><!-- x --><rss/>"
    assert prepare(text) == b"<rss/>"


@pytest.mark.parametrize(
    "text", ["/etc/passwd", "http://127.0.0.1:1/feed", "file:///etc/passwd", "", "\0", "<html><p>x"]
)
def test_what_is_no_feed_is_never_taken_for_an_address_or_a_file(sealed, text):
    with pytest.raises(Unreadable, match="not a feed"):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        "<rss><channel>" + "<item><title>" * 150_000, "<" * 2_000_000, "<rss>" + "<a b" * 500_000,
        "<rss>" + "<!DOCTYPE" * 200_000, "<!DOCTYPE" * 200_000, "<rss>" + "&a" * 1_000_000,
        BODY.format("<a>" * 250_000 + "</a>" * 250_000), "<rss " + "a='' " * 400_000 + ">",
        BODY.format("<![CDATA[" + "<a " * 600_000 + "]]>"), "<rss>" + "]]>" * 600_000,
        "<rss version='2.0'><channel>" + "<item/>" * 280_000 + "</channel></rss>",
    ],
)  # fmt: skip
@pytest.mark.slow
def test_a_hostile_feed_does_not_take_long(text):
    begun = time.thread_time()
    with suppress(Unreadable):
        assert len(read(text[: 2 << 20]).items) <= 100
    assert time.thread_time() - begun < 12


def test_a_feed_of_many_thousands_is_refused():
    items = "<item/>" * 60_001
    with pytest.raises(Unreadable, match="too large"):
        read(f"<rss version='2.0'><channel>{items}</channel></rss>")


# --- the application ---


class Kept:
    """Sources that know what the test says."""

    def __init__(self, source):
        self.source = source

    def get(self, address, age, kind):
        return self.source


def here(source=None, may=("SAVE_ITEM",), can=("SAVE_NOTE",), plugin=None, **config):
    config = {"address": "https://wire.example/rss", **config}
    known = source or Source(value=read(RSS), fetched_at=NOW, checked_at=NOW)
    return Placement(
        plugin or {}, config, NOW, may.__contains__, can.__contains__, Kept(known)
    )  # fmt: skip


def test_without_an_address_nothing_is_asked_for():
    shown = feed_reader.application(replace(here(address=" "), sources=None))
    assert (shown["address"], shown["items"], shown["refresh_seconds"]) == ("", (), 0)


def test_it_shows_as_many_as_wanted_and_the_unit_s_time():
    shown = feed_reader.application(here(items=1, plugin={"timezone": "Europe/Stockholm"}))
    [item] = shown["items"]
    assert shown["time"](item.at) == "11:10"
    assert len(feed_reader.application(here(items="many"))["items"]) == 2
    assert shown["refresh_seconds"] == 300


def test_while_it_loads_it_looks_again_soon():
    shown = feed_reader.application(here(Source(loading=True, refreshing=True)))
    assert (shown["items"], shown["refresh_seconds"]) == ((), 2)


@pytest.mark.parametrize(
    ("may", "can", "may_save"),
    [(("SAVE_ITEM",), ("SAVE_NOTE",), True), ((), ("SAVE_NOTE",), False),
     (("SAVE_ITEM",), (), False)],
)  # fmt: skip
def test_saving_is_offered_only_where_it_works(may, can, may_save):
    assert feed_reader.application(here(may=may, can=can))["may_save"] is may_save


def test_saving_takes_words_from_the_feed_and_remembers_it():
    called = []
    config = {"saved": ["old"]}
    doing = Doing(here(), Placed("w", "a", "A", config), {}, lambda *call: called.append(call))
    uid = read(RSS).items[0].uid
    form = {"item": uid, "title": "forged", "address": "https://evil.example/", "text": "forged"}
    assert feed_reader.save(doing, form) == {"saved": [uid, "old"]}
    [(requirement, arguments)] = called
    assert requirement == "SAVE_NOTE"
    assert arguments == {
        "title": "Ferry strike",
        "address": "https://wire.example/1",
        "text": "No ferries. Read more…",
    }


@pytest.mark.parametrize("item", ["", "nothing", "0" * 16])
def test_what_is_not_in_the_feed_is_not_saved(item):
    doing = Doing(here(), Placed("w", "a", "A", {}), {}, lambda *call: pytest.fail("called"))
    with pytest.raises(ActProblem):
        feed_reader.save(doing, {"item": item})


def test_it_remembers_only_so_many():
    config = {"saved": [str(number) for number in range(300)]}
    doing = Doing(here(), Placed("w", "a", "A", config), {}, lambda *call: None)
    saved = feed_reader.save(doing, {"item": read(RSS).items[0].uid})["saved"]
    assert len(saved) == 200
