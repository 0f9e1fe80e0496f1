"""Which addresses are taken, and which machines they may reach."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.config import ConfigError, load
from dashboard.plugins.addresses import (
    Allowed,
    OutgoingProblem,
    Reason,
    is_public,
    read_address,
    read_host,
)


@pytest.mark.parametrize(
    ("address", "read"),
    [
        ("https://News.Example", "https://news.example/"),
        ("  https://news.example:443/a?b=c#d ", "https://news.example/a?b=c"),
        ("HTTP://news.example:80", "http://news.example/"),
        ("http://news.example:443/", "http://news.example:443/"),
        ("https://news.example./x", "https://news.example/x"),
        ("https://bücher.example/ä?ö", "https://xn--bcher-kva.example/%C3%A4?%C3%B6"),
        ("https://a_b.example/%7e/'\"<>", "https://a_b.example/%7e/'%22%3C%3E"),
        ("https://8.8.8.8", "https://8.8.8.8/"),
        ("https://[2606:4700:0::1]:8443/x", "https://[2606:4700::1]:8443/x"),
    ],
)
def test_an_address_has_one_form(address, read):
    assert read_address(address).address == read


@pytest.mark.parametrize(
    "address",
    [
        *("", "news.example", "//news.example/", "ftp://news.example/", "file:///etc/passwd"),
        *("javascript:alert(1)", "https:news.example", "https:///x", "https://", "https://."),
        # names and passwords, and what is read in two ways
        *("https://user@news.example/", "https://user:word@news.example/", "https://@news.example"),
        *("https://news.example\\@evil.example/", "https://news.example/a b", "https://a\tb.example"),
        *("https://news.example/\r\nHost: evil", "https://news.example/\x00", "http://a..example"),
        *("https://-a.example", "https://a-.example", "https://*.example", "https://a%2eb.example"),
        *("https://news.example:0/", "https://news.example:x/", "https://news.example:99999/"),
        # IPv4 in the forms that only some programs know
        *("http://2130706433/", "http://0x7f000001/", "http://017700000001/", "http://127.1/"),
        *("http://0177.0.0.1/", "http://0x7f.0.0.1/", "http://127.0.0.0x1/", "http://127.0.0.1.1/"),
        *("http://１２７.1/", "http://0/", "http://256.1.1.1/", "http://1.2.3.4.5/", "http://08.8.8.8/"),
        # IPv6 that is none, or has a scope
        *("http://[::1/", "http://[1]/", "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/"),
        *("http://::1/", "http://[127.0.0.1]/", "http://[v1.x]/"),
        f"https://a.example/{'x' * 2000}",
        f"https://{'a' * 64}.example",
    ],
)  # fmt: skip
def test_what_is_no_plain_web_address_is_refused(address):
    with pytest.raises(OutgoingProblem) as caught:
        read_address(address)
    assert caught.value.reason is Reason.ADDRESS


def test_an_ip_address_in_other_digits_is_the_same_address():
    assert read_host("１２７.０.０.１") == "127.0.0.1"
    assert read_host("127。0。0。1") == "127.0.0.1"


PRIVATE = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200"),  # noqa: S104 - not bound
    *("127.0.0.1", "127.255.1.2"),
    *("169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1"),
    *("192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1"),
    *("239.1.2.3", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *("::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "100::1"),
    *("2001::1", "2001:db8::1", "3fff::1", "5f00::1", "::127.0.0.1", "::8.8.8.8", "64:ff9b:1::1"),
    # an IPv4 address inside: mapped, 6to4, NAT64
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::"),
    *("2002:a00:1::", "2002:a9fe:a9fe::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::"),
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "192.0.1.1", "100.128.0.1", "2606:4700::1111"]
PUBLIC += ["2a00:1450::1", "::ffff:8.8.8.8", "2002:808:808::1", "64:ff9b::808:808"]


@pytest.mark.parametrize("ip", PRIVATE)
def test_an_address_of_no_public_machine_is_known_as_such(ip):
    assert not is_public(ipaddress.ip_address(ip))


@pytest.mark.parametrize("ip", PUBLIC)
def test_public_addresses_are_public(ip):
    assert is_public(ipaddress.ip_address(ip))


@given(st.ip_addresses())
def test_whatever_python_knows_as_special_is_not_public(ip):
    special = ip.is_private or ip.is_loopback or ip.is_link_local or ip.is_multicast
    carries = ip.version == 6 and (ip.ipv4_mapped or ip.sixtofour)
    if (special or ip.is_reserved or ip.is_unspecified) and not carries:
        nat64 = ip.version == 6 and ip in ipaddress.ip_network("64:ff9b::/96")
        assert nat64 or not is_public(ip)


@pytest.mark.parametrize(
    ("allowed", "address", "is_allowed"),
    [
        ("wiki.internal", "https://wiki.internal/", True),
        ("wiki.internal", "http://WIKI.internal./", True),
        ("wiki.internal", "http://wiki.internal:8080/", False),
        ("wiki.internal", "https://x.wiki.internal/", False),
        ("wiki.internal:8080", "http://wiki.internal:8080/", True),
        ("wiki.internal:8080", "http://wiki.internal/", False),
        ("wiki.internal:80", "http://wiki.internal/", True),
        ("10.0.0.5:9090, [FD00::5]", "http://10.0.0.5:9090/", True),
        ("10.0.0.5:9090, [FD00::5]", "https://[fd00:0::5]/", True),
        ("10.0.0.5:9090, [FD00::5]", "https://10.0.0.5/", False),
        ("", "https://wiki.internal/", False),
    ],
)
def test_the_operator_allows_a_host_and_perhaps_a_port(allowed, address, is_allowed):
    hosts = load({"DASHBOARD_ALLOWED_HOSTS": allowed}).allowed_hosts
    assert Allowed.read(hosts).has(read_address(address)) is is_allowed


@pytest.mark.parametrize(
    "hosts",
    ["https://a.example", "a.example/x", "a b", "*", "*.example", "a:b", "a:0", "a:65536", "[::1",
     "::1", "user@a.example", "127.1", "0x7f.1", "1.2.3.4.5", "[fe80::1%eth0]", "a..b", "-a"],
)  # fmt: skip
def test_what_is_no_host_stops_the_start(hosts):
    with pytest.raises(ConfigError, match="DASHBOARD_ALLOWED_HOSTS"):
        load({"DASHBOARD_ALLOWED_HOSTS": f"ok.example,{hosts}"})


@given(st.text("abc0127x.-:[]_% ", max_size=20))
def test_what_the_settings_take_can_be_used(text):
    try:
        hosts = load({"DASHBOARD_ALLOWED_HOSTS": text}).allowed_hosts
    except ConfigError:
        return
    assert len(Allowed.read(hosts).hosts) <= len(hosts)
