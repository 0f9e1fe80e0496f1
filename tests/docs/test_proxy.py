"""docs/proxy.md: real proxies with the very files of the page, real TLS, and the server behind."""

import http.client
import re
import socket
import ssl
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

import pytest

from dashboard.models import Session
from tests import factories, needs
from tests.docs.pages import ROOT, blocks_of
from tests.program import free_port

pytestmark = pytest.mark.slow
PAGE = ROOT / "docs" / "proxy.md"
BLOCKS = {block.language: block.text for block in blocks_of(PAGE)}
NAME = "dashboard.example.com"
VISITOR = "198.51.100.7"  # what a visitor claims to be; the proxy says what he is
PATIENCE_SECONDS = 60


@pytest.fixture
def server(settings, cast):
    """The server, with the settings of the page, on an installation with people; its port."""
    stated = dict(line.split("=", 1) for line in BLOCKS["ini"].split())
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "app.py"), "serve", "--port", "0"],
        env={"DASHBOARD_DATA_DIR": str(settings.data_dir), **stated},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        said = (re.match(r"Dashboard runs at http://\S+:(\d+)", line) for line in process.stdout)
        yield next(found[1] for found in said if found)
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
        process.stdout.close()


@pytest.fixture
def certificate(tmp_path):
    """A certificate for the name, and its key."""
    files = tmp_path / "dashboard.pem", tmp_path / "dashboard.key"
    subprocess.run(
        [
            needs.program("openssl"), "req", "-x509", "-nodes", "-days", "2",
            "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", f"/CN={NAME}",
            "-addext", f"subjectAltName=DNS:{NAME}",
            "-out", str(files[0]), "-keyout", str(files[1]),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return files


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def nginx(folder: Path, server: str, files: tuple[Path, Path], ports: tuple[int, int]) -> list[str]:
    """Write what Debian's nginx.conf has around the file of the page; return how to start it."""
    site = replaced(
        BLOCKS["nginx"],
        ("listen 80;", f"listen 127.0.0.1:{ports[0]};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{ports[1]} ssl;"),
        ("/etc/ssl/dashboard.pem", str(files[0])),
        ("/etc/ssl/dashboard.key", str(files[1])),
        ("127.0.0.1:8000", f"127.0.0.1:{server}"),
    )
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"user root; daemon off; pid {folder}/pid; error_log {folder}/log;\n"
        f"events {{}}\nhttp {{ access_log off;\n{places}{site}}}\n"
    )
    words = [needs.program("nginx", "nginx-light"), "-e", str(folder / "log"), "-c", str(config)]
    subprocess.run([*words, "-t"], check=True, capture_output=True)
    return words


def caddy(folder: Path, server: str, files: tuple[Path, Path], ports: tuple[int, int]) -> list[str]:
    """Write the file of the page, with ports and a certificate of our own."""
    site = replaced(
        BLOCKS["caddy"],
        (f"{NAME} {{", f"{NAME} {{\n    bind 127.0.0.1\n    tls {files[0]} {files[1]}"),
        ("127.0.0.1:8000", f"127.0.0.1:{server}"),
    )
    config = folder / "Caddyfile"
    config.write_text(f"{{\n admin off\n http_port {ports[0]}\n https_port {ports[1]}\n}}\n{site}")
    return [needs.program("caddy"), "run", "--adapter", "caddyfile", "--config", str(config)]


@pytest.fixture(params=[nginx, caddy])
def proxy(request, tmp_path, server, certificate):
    """Start the proxy; return its ports for http and https."""
    ports = free_port(), free_port()
    words = request.param(tmp_path, server, certificate, ports)
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    process = subprocess.Popen(words, env=environ, stderr=subprocess.DEVNULL)
    try:
        wait_for(ports[1], process)
        yield ports
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return as soon as somebody listens at *port*."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
    pytest.fail("the proxy does not start")


class Browser:
    """Asks by https for the name, wherever it leads, and keeps cookies."""

    def __init__(self, port: int, certificate: tuple[Path, Path]) -> None:
        self.port, self.cookies = port, {}
        self.context = ssl.create_default_context(cafile=certificate[0])

    def ask(self, method: str, path: str, **form: str) -> tuple[int, http.client.HTTPMessage, str]:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS)
        link = http.client.HTTPConnection(NAME, self.port)
        link.sock = self.context.wrap_socket(plain, server_hostname=NAME)
        headers = {"X-Forwarded-For": VISITOR, "X-Forwarded-Host": "elsewhere.example"}
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if method == "POST":
            body = urllib.parse.urlencode(form)
            headers |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": f"https://{NAME}:{self.port}",
                "Referer": f"https://{NAME}:{self.port}{path}",
                "Sec-Fetch-Site": "same-origin",
            }
        try:
            link.request(method, path, body, headers)
            answer = link.getresponse()
            for cookie in answer.headers.get_all("Set-Cookie", []):
                name, _, value = cookie.partition(";")[0].partition("=")
                self.cookies[name] = value
                assert "Secure" in cookie
            return answer.status, answer.headers, answer.read().decode()
        finally:
            link.close()


def test_people_come_by_https_and_the_server_knows(proxy, certificate):
    browser = Browser(proxy[1], certificate)
    status, headers, page = browser.ask("GET", "/login")
    assert status == 200
    assert headers["Strict-Transport-Security"]
    token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page)[1]
    form = {"email": "alice@harbour.example", "password": factories.PASSWORD}
    status, headers, page = browser.ask("POST", "/login", csrf_token=token, **form)
    assert status == 303, page  # the form was taken: name, scheme and port came through
    assert {name for name in browser.cookies if not name.startswith("__Host-")} == set()
    status, _, page = browser.ask("GET", "/u/daily/admin/backup")
    assert status == 200
    assert "Export backup" in page
    addresses = {row.address for row in Session.select().where(Session.user.is_null(False))}
    assert addresses == {"127.0.0.1"}  # ours, as the proxy saw it: not what was claimed


def test_http_leads_to_https(proxy):
    link = http.client.HTTPConnection("127.0.0.1", proxy[0], timeout=PATIENCE_SECONDS)
    link.request("GET", "/login", headers={"Host": NAME})
    answer = link.getresponse()
    assert answer.status in (301, 308)
    assert urllib.parse.urlsplit(answer.headers["Location"])[:3] == ("https", NAME, "/login")
    link.close()
