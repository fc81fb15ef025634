"""The Locust user that asks an endpoint: a FastHttpUser whose client sends the endpoint's request as it is, once."""

from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from geventhttpclient.response import HTTPSocketPoolResponse
from locust import FastHttpUser, task
from locust.contrib.fasthttp import FastResponse, LocustUserAgent

from ..nonce import MARK, with_nonce
from ..orders import Endpoint
from .line import Line

if TYPE_CHECKING:
    from .endpoint_turn import Seat

BLOCK_BYTES = 4096  # what geventhttpclient reads at a time by default


class RawAnswer(FastResponse):  # type: ignore[misc, unused-ignore]
    """An answer whose body is what came over the wire: nobody asked for a compressed one."""

    def _content(self) -> bytes:
        assert self._response is not None
        body: bytes = self._response.read()
        self.release()
        return body


class ExactAgent(LocustUserAgent):  # type: ignore[misc, unused-ignore]
    """Locust's HTTP client, made exact: the bytes that the engine would send, no retry, no redirect, no cookies."""

    response_type = RawAnswer
    redirect_response_codes = frozenset()

    def __init__(self, endpoint: Endpoint, line: Line) -> None:
        super().__init__(max_redirects=0, max_retries=0, cookiejar=None)
        self._endpoint = endpoint
        self._line: Any = line  # which is all of a pool that is needed here
        self.target = endpoint.request.split(b" ", 2)[1].decode("latin-1")
        self._varies = MARK in endpoint.request
        self._request = endpoint.request
        self.expect = endpoint.expect
        self.sent_ns = 0

    def compose(self) -> None:
        """Make the next request, and what is right for it: with a nonce of its own where the endpoint has the mark."""
        self.sent_ns = monotonic_ns()  # until it is truly sent
        if not self._varies:
            return
        self._request, self.expect = with_nonce(self._endpoint)

    def _urlopen(self, request: Any) -> RawAnswer:
        sock = self._line.get_socket()
        self.sent_ns = monotonic_ns()
        try:
            sock.sendall(self._request)
            if self._endpoint.body:
                sock.sendall(self._endpoint.body)
        except BaseException:
            self._line.release_socket(sock)
            raise
        answer = HTTPSocketPoolResponse(sock, self._line, block_size=BLOCK_BYTES, method=self._endpoint.method)
        return RawAnswer(answer, request=request, sent_request="")

    def _verify_status(self, status_code: int, url: Any = None) -> None:
        """Every status is an answer here; whether it is the right one is judged with the rest of it."""


class EndpointUser(FastHttpUser):  # type: ignore[misc, unused-ignore]
    """A user of one endpoint: asks while a turn is under way there, and rests between turns."""

    abstract = True
    seat: "Seat"

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        endpoint = self.seat.endpoint
        self.line = Line(endpoint.host, endpoint.port, self.seat.timeout_s)
        self.agent = self.client.client = ExactAgent(endpoint, self.line)
        self.asked_ns = 0  # since when a request is in flight; 0: none is
        self.seat.users.append(self)

    @task
    def ask(self) -> None:
        """Ask once, as soon as it is this endpoint's turn."""
        self.seat.turn_under_way().ask(self)
