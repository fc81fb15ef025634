"""From a URL and options to the endpoint that the engine loads: address, prebuilt request, and the right answer."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from ...results.errors import UsageError
from ...scenarios.headers import BREAKING, NAME, OF_THE_HANDSHAKE, first_of
from .nonce import MARK, PLACEHOLDER, marked
from .orders import Endpoint, Expectation, WebSocketTalk

PROBE_S = 1.0
MESSAGE = "sgibench"  # over a WebSocket, unless told otherwise


@dataclass(frozen=True, slots=True)
class RequestSpec:
    """A request as a user writes it. Headers are ``Name: value``; Host and Content-Length come by themselves.

    ``{nonce}`` in the URL, a header or the body is another text in every request; in `expect_text`, the request's.
    With a ws:// URL, `message` is said and has to be echoed, and the request is only the one that asks for the upgrade.
    """

    url: str
    method: str = "GET"
    headers: Sequence[str] = ()
    body: str | None = None
    expect_status: int = 200
    expect_text: str | None = None
    message: str | None = None


def endpoint_of(spec: RequestSpec) -> Endpoint:
    """The endpoint to load. Host names are looked up here, once. Raises UsageError for what cannot be asked."""
    url = _checked_url(spec.url)
    host = url.hostname or ""
    port = 80 if url.port is None else url.port
    method = spec.method.upper()
    talk = _talk(spec, method) if url.scheme == "ws" else None
    if spec.message is not None and talk is None:
        raise UsageError("--message is for WebSockets", "give a ws:// URL, or --body TEXT for the body of a request")
    if not NAME.fullmatch(method) or method == "CONNECT":
        raise UsageError(f"{spec.method!r} is no method that can be sent", "for example --method POST")
    if not 100 <= spec.expect_status <= 599:
        raise UsageError(f"no final answer has status {spec.expect_status}", "for example --expect-status 200")
    if method == "HEAD" and spec.body:
        raise UsageError("--body does not go with --method HEAD: servers may refuse it", "leave one of them out")
    contains = marked(spec.expect_text).encode() if spec.expect_text else None
    request = _request_bytes(method, url, spec)
    if contains and MARK in contains and MARK not in request:
        raise UsageError(
            f"the expected text has {PLACEHOLDER}, but no request does",
            f"put {PLACEHOLDER} into the URL, a header or the body as well",
        )
    return Endpoint(
        name=url.path or "/",
        host=_address(host, port),
        port=port,
        request=request,
        expect=Expectation(status=spec.expect_status, contains=contains),
        method=method,
        websocket=talk,
    )


def _talk(spec: RequestSpec, method: str) -> WebSocketTalk:
    """What is said over the WebSocket. Raises UsageError for what is HTTP's alone."""
    http = {"--method": method != "GET", "--body": spec.body is not None, "--expect-status": spec.expect_status != 200,
            "--expect-text": spec.expect_text is not None}  # fmt: skip
    for option, given in http.items():
        if given:
            raise UsageError(
                f"{option} does not go with a ws:// URL: the right answer to a message is its echo",
                "say what is sent with --message TEXT",
            )
    ours = first_of((name for name, _ in map(_header, spec.headers)), OF_THE_HANDSHAKE)
    if ours:
        raise UsageError(f"--header {ours} belongs to the handshake, and comes by itself", "leave it out")
    message = MESSAGE if spec.message is None else spec.message
    return WebSocketTalk(marked(message).encode())


def _checked_url(text: str) -> SplitResult:
    try:
        url = urlsplit(text.strip())
        port = url.port
    except ValueError as error:
        raise UsageError(f"{text!r} is no URL: {error}", "for example http://127.0.0.1:8000/items") from error
    if url.scheme in ("https", "wss"):
        plain = url.scheme.removesuffix("s")
        raise UsageError(
            f"{url.scheme} is not supported: bench measures the server, without TLS", f"give its {plain}:// address"
        )
    if url.scheme not in ("http", "ws") or not url.hostname or port == 0:
        raise UsageError(f"{text!r} is no http:// or ws:// URL", "for example http://127.0.0.1:8000/items")
    if url.username is not None or url.password is not None:
        raise UsageError(
            "the URL has a user name or password in it", "send it as --header 'Authorization: Basic …' instead"
        )
    return url


def _request_bytes(method: str, url: SplitResult, spec: RequestSpec) -> bytes:
    target = quote(marked(url.path) or "/", safe="/%:@!$&'()*+,;=~")
    if url.query:
        target += "?" + quote(marked(url.query), safe="/?%:@!$&'()*+,;=~[]")
    headers = dict(_header(text) for text in spec.headers)
    given = {name.lower() for name in headers}
    body = marked(spec.body or "").encode()
    lines = [f"{method} {target} HTTP/1.1"]
    if "host" not in given:
        lines.append(f"Host: {_host_header(url)}")
    if not given & {"content-length", "transfer-encoding"} and (body or method in ("POST", "PUT", "PATCH")):
        lines.append(f"Content-Length: {len(body)}")
    lines += [marked(f"{name}: {value}") for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("utf-8") + body


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not NAME.fullmatch(name) or BREAKING.search(value):
        raise UsageError(f"--header {text!r} is not NAME: VALUE", "for example --header 'Accept: application/json'")
    return name, value


def _host_header(url: SplitResult) -> str:
    host = _ascii_host(url.hostname or "")
    shown = f"[{host}]" if ":" in host else host
    return shown if url.port in (None, 80) else f"{shown}:{url.port}"


def _ascii_host(host: str) -> str:
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise UsageError(f"{host!r} is no host name") from error


def _address(host: str, port: int) -> str:
    """An IP literal for the host. Of several, the first that takes a connection: localhost often has two."""
    try:
        found = socket.getaddrinfo(_ascii_host(host), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"the host {host!r} cannot be found: {error}", "check the URL") from error
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    if len(addresses) > 1:
        for address in addresses:
            try:
                socket.create_connection((address, port), PROBE_S).close()
            except OSError:
                continue
            return address
    return addresses[0]
