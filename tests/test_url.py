"""Where a client is to connect."""

from __future__ import annotations

import pytest

from socketio_core.url import MAX_URL_CHARS, Proxy, ServerAddress, parse_proxy, parse_url

PLAIN, SECURE = False, True


@pytest.mark.parametrize(
    ("url", "address", "authority"),
    [
        ("http://localhost", ServerAddress("localhost", 80, PLAIN, "/", ()), "localhost"),
        ("http://localhost:3000/", ServerAddress("localhost", 3000, PLAIN, "/", ()), "localhost:3000"),
        ("https://example.org", ServerAddress("example.org", 443, SECURE, "/", ()), "example.org"),
        ("https://example.org:80", ServerAddress("example.org", 80, SECURE, "/", ()), "example.org:80"),
        ("ws://example.org:80/admin", ServerAddress("example.org", 80, PLAIN, "/admin", ()), "example.org"),
        ("wss://Example.ORG/a/b/", ServerAddress("example.org", 443, SECURE, "/a/b/", ()), "example.org"),
        ("http://[::1]:3000", ServerAddress("::1", 3000, PLAIN, "/", ()), "[::1]:3000"),
        ("http://h/?a=1&b=&a=2#x", ServerAddress("h", 80, PLAIN, "/", (("a", "1"), ("b", ""), ("a", "2"))), "h"),
        ("http://bücher.example", ServerAddress("xn--bcher-kva.example", 80, PLAIN, "/", ()), "xn--bcher-kva.example"),
    ],
)
def test_urls_are_read(url: str, address: ServerAddress, authority: str) -> None:
    assert parse_url(url) == address
    assert address.authority == authority
    assert address.url == f"{'https' if address.is_secure else 'http'}://{authority}"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("localhost:3000", "URL must look like 'http://localhost:3000'"),
        ("", "URL must look like"),
        ("ftp://localhost", "URL must look like"),
        ("http://", "URL must look like"),
        ("http://:3000", "URL must look like"),
        ("http://localhost:port", "not a URL"),
        ("http://localhost:99999", "not a URL"),
        ("http://[::1", "not a URL"),
        ("http://localhost:0", "must not have port 0"),
        ("http://user:secret@host", "must not hold a user name or password, send a header instead: 'host'"),
        ("http://user@host", "must not hold a user name or password, send a header instead: 'host'"),
        ("http://a..b", "not the name of a host"),
        ("http://" + "x" * 70, "not the name of a host"),
        ("http://a b", "not the name of a host"),
        ("http://h/a,b", "namespace must not hold a comma"),
        ("http://h/" + "x" * MAX_URL_CHARS, "longer than 8000 characters"),
    ],
)
def test_what_is_no_url_is_refused(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_url(url)


@pytest.mark.parametrize(
    ("url", "path"), [("unix:/run/app.sock", "/run/app.sock"), ("unix:@name", "\0name"), ("unix:/a,b?c@d", "/a,b?c@d")]
)
def test_unix_sockets_are_read(url: str, path: str) -> None:
    address = parse_url(url)
    assert address == ServerAddress("localhost", 80, PLAIN, "/", (), path)
    assert (address.authority, address.url) == ("localhost", url)


@pytest.mark.parametrize(
    "url", ["unix:", "unix:@", "unix:/", "unix:app.sock", "unix:///\0", "unix:\0name", "unix:@a\0b"]
)
def test_what_is_no_unix_socket_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="a Unix socket must look like"):
        parse_url(url)


def test_longest_url_is_read() -> None:
    assert parse_url("http://h/" + "x" * (MAX_URL_CHARS - 9)).namespace == "/" + "x" * (MAX_URL_CHARS - 9)


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://proxy", Proxy("proxy", 80, None)),
        ("http://proxy:3128/", Proxy("proxy", 3128, None)),
        ("http://ann:secret@proxy:3128", Proxy("proxy", 3128, b"Basic YW5uOnNlY3JldA==")),
        ("http://a%40b:@[::1]:1", Proxy("::1", 1, b"Basic YUBiOg==")),
    ],
)
def test_proxies_are_read(url: str, proxy: Proxy) -> None:
    assert parse_proxy(url) == proxy


@pytest.mark.parametrize(
    "url", ["proxy:3128", "https://proxy", "socks5://proxy", "http://", "http://proxy:port", "http://a..b"]
)
def test_what_is_no_proxy_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"proxy must look like|not a URL|not the name of a host"):
        parse_proxy(url)


def test_proxy_that_is_no_url_at_all_is_refused() -> None:
    with pytest.raises(TypeError, match="proxy must be"):
        parse_proxy(5)  # type: ignore[arg-type] # by the unwary
    with pytest.raises(ValueError, match="port 0"):
        parse_proxy("http://proxy:0")
