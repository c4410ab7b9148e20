"""The site's server: packed where the browser can unpack it, and for this machine only."""

import gzip
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from course.site_server import make_server

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
PAGE = "<h1>a page</h1>" * 100


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "picture.png").write_bytes(bytes(2000))
    (tmp_path / "empty").mkdir()
    server = make_server(tmp_path, 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def get(url: str, **headers: str) -> tuple[dict[str, str], bytes]:
    with DIRECT.open(urllib.request.Request(url, headers=headers)) as answer:
        return {name.lower(): value for name, value in answer.headers.items()}, answer.read()


@pytest.mark.parametrize("path", ["/", "/index.html", "/index.html?q=1"])
def test_text_is_packed_for_a_browser_that_can_unpack_it(address: str, path: str) -> None:
    headers, body = get(address + path, **{"Accept-Encoding": "gzip, br"})
    assert headers["content-encoding"] == "gzip"
    assert headers["content-type"] == "text/html"
    assert len(body) < len(PAGE) / 2
    assert gzip.decompress(body).decode() == PAGE


def test_others_get_it_as_it_is(address: str) -> None:
    headers, body = get(address + "/")
    assert "content-encoding" not in headers
    assert body.decode() == PAGE


def test_what_is_packed_already_is_left_alone(address: str) -> None:
    headers, body = get(address + "/picture.png", **{"Accept-Encoding": "gzip"})
    assert "content-encoding" not in headers
    assert body == bytes(2000)


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [("/", "elsewhere.example", 403), ("/empty/", "127.0.0.1", 404), ("/../index.htm", "127.0.0.1", 404)],
)
def test_strange_hosts_folders_and_ways_out_are_refused(
    address: str, path: str, host: str, status: int
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(address + path, Host=host, **{"Accept-Encoding": "gzip"})
    assert refused.value.code == status
    refused.value.close()
