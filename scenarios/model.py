"""What a scenario may say. The TOML files of this folder, and a user's own, are checked against this."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ..results.records import USUAL_CONNECTIONS, ScenarioKind
from .headers import OF_THE_HANDSHAKE, first_of, why_refused

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=60)]
Path = Annotated[str, Field(pattern=r"^/[!-~]*$")]  # as it goes over the wire: percent-encoded
Concurrency = Annotated[int, Field(ge=1, le=20_000)]
Rate = Annotated[float, Field(gt=0, le=1_000_000)]

FILLING = b"sgibench"
SHOP = "shop"  # the feature of apps that have the shop's database
BODY_BYTES_MAX = 64 * 2**20


def filled(count: int) -> bytes:
    """So many bytes, the same ones each time."""
    return (FILLING * (count // len(FILLING) + 1))[:count]


class Strict(BaseModel):
    """A table of TOML: unknown keys and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Request(Strict):
    """The request that is sent, the same every time. `body_bytes` makes a body of that length. `headers` come in place
    of our own Host, User-Agent and Accept; what follows from the body is not theirs to say."""

    path: Path
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = "GET"
    headers: dict[str, str] = {}
    body: str = ""
    body_bytes: int | None = Field(None, ge=1, le=BODY_BYTES_MAX)

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if self.body and self.body_bytes is not None:
            raise ValueError("give body or body_bytes, not both")
        if self.method == "HEAD" and self.content:
            raise ValueError("a body does not go with HEAD: leave it out, or take another method")
        return self

    @model_validator(mode="after")
    def _headers_of_its_own(self) -> Self:
        if why := why_refused(self.headers):
            raise ValueError(f"headers: {why}")
        return self

    @property
    def content(self) -> bytes:
        """The body, with placeholders as they are written."""
        return self.body.encode() if self.body_bytes is None else filled(self.body_bytes)

    @property
    def reads_only(self) -> bool:
        """Whether it may be repeated without doing anything."""
        return self.method == "GET" and not self.content


class Expect(Strict):
    """What makes an answer right. `exchange` names the part of the contract that the suite's own apps are held to,
    byte for byte; a user's app is held to `status` and `text` alone. `order`: it stands for an order, which has to be
    in the shop's database by then, and carried out soon after."""

    status: int = Field(200, ge=200, le=599)
    text: str | None = None
    exchange: str | None = None
    order: bool = False


class Part(Strict):
    """One request of a mix, and how often it comes: `weight` out of the sum of all weights."""

    weight: int = Field(1, ge=1, le=1000)
    request: Request
    expect: Expect = Expect()


class Message(Strict):
    """What is sent over a WebSocket, and must come back unchanged: a text, or so many `binary_bytes`."""

    text: str | None = None
    binary_bytes: int | None = Field(None, ge=0, le=BODY_BYTES_MAX)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.text is None) == (self.binary_bytes is None):
            raise ValueError("give either text or binary_bytes")
        return self

    @property
    def content(self) -> bytes:
        """As it is sent."""
        return filled(self.binary_bytes or 0) if self.text is None else self.text.encode()


class SlowClients(Strict):
    """Clients beside the load who send one byte every `every_ms`, of a request's headers or of its body, and never end:
    the scenario's own request, unless they have one of theirs."""

    count: int = Field(ge=1, le=5000)
    what: Literal["headers", "body"] = "headers"
    every_ms: float = Field(100.0, ge=1, le=10_000)
    request: Request | None = None


class Upstream(Strict):
    """What each answer asks of the upstream: so many `calls`, of which `in_a_row` wait for the one before."""

    calls: int = Field(ge=1, le=1000)
    in_a_row: int = Field(1, ge=1, le=1000)

    @model_validator(mode="after")
    def _no_more_than_all(self) -> Self:
        if self.in_a_row > self.calls:
            raise ValueError(f"in_a_row ({self.in_a_row}) is more than calls ({self.calls})")
        return self


class Load(Strict):
    """How requests arrive: closed loop at each of `concurrency`; with `rate_rps`, open loop at each of these rates.

    In the open loop `connections` bounds what is in flight; they are all open. Of several, each with every rate.
    `timeout_s` is the deadline of a whole request.
    """

    concurrency: list[Concurrency] = []
    rate_rps: list[Rate] = []
    connections: Annotated[
        list[Concurrency],
        Field(min_length=1),
        BeforeValidator(lambda given: [given] if isinstance(given, int) else given),
    ] = [USUAL_CONNECTIONS]
    poisson: bool = True
    timeout_s: float = Field(10.0, gt=0, le=600)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.concurrency) == bool(self.rate_rps):
            raise ValueError("give either concurrency (closed loop) or rate_rps (open loop)")
        return self


class Scenario(Strict):
    """One workload: a `request`, or a `mix` of several; over a WebSocket, a `message`.

    `floor_ms` is a wait that every answer holds, so that nothing can be faster; `waiting` says that the scenario is
    about holding requests, not about speed: it is measured in longer windows. With `holding`, a target takes part only
    where it has a slot for each connection. `needs` are features that a target must have (`bench list apps`). `note` is
    shown wherever the scenario's figures are. `ask_first`: ask once before measuring, although that changes something.
    """

    name: Name
    title: str
    kind: Annotated[ScenarioKind, Field(strict=False)] = ScenarioKind.HTTP
    note: str = ""
    needs: list[str] = []
    request: Request | None = None
    expect: Expect = Expect()
    mix: list[Part] = []
    message: Message | None = None
    slow_clients: SlowClients | None = None
    upstream: Upstream | None = None
    load: Load
    floor_ms: float = Field(0.0, ge=0, le=600_000)
    waiting: bool = False
    holding: bool = False
    ask_first: bool = False
    turn_ms: float | None = Field(None, ge=5, le=60_000)

    @model_validator(mode="after")
    def _one_workload(self) -> Self:
        if (self.request is None) == (not self.mix):
            raise ValueError("give either [request] or [[mix]]")
        if self.mix and "expect" in self.model_fields_set:
            raise ValueError("each [[mix]] says what it expects: leave out [expect]")
        return self

    @model_validator(mode="after")
    def _orders_of_the_shop(self) -> Self:
        if self.order_share and (SHOP not in self.needs or self.kind is not ScenarioKind.HTTP):
            raise ValueError(
                f'expect.order takes needs = ["{SHOP}"], and goes with kind = "http": orders are in a database'
            )
        return self

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if (self.kind is ScenarioKind.WEBSOCKET) != (self.message is not None):
            raise ValueError('a [message] goes with kind = "websocket", and each needs the other')
        if self.kind is ScenarioKind.HTTP:
            return self
        if self.mix:
            raise ValueError(f'kind = "{self.kind}" takes a [request], no [[mix]]')
        if self.kind is ScenarioKind.WEBSOCKET:
            self._only_asks_for_the_upgrade()
        if self.kind is ScenarioKind.COLD_START and (self.load.concurrency != [1] or self.slow_clients):
            raise ValueError("one start at a time is measured: load.concurrency = [1], and nothing beside it")
        return self

    def _only_asks_for_the_upgrade(self) -> None:
        if "expect" in self.model_fields_set:
            raise ValueError("the right answer to a message is the message: leave out [expect]")
        asked = self.parts[0].request
        if asked.method != "GET" or asked.content:
            raise ValueError("a WebSocket is asked for with GET and no body: leave out request.method and request.body")
        if ours := first_of(asked.headers, OF_THE_HANDSHAKE):
            raise ValueError(f"request.headers: {ours} belongs to the handshake, and comes by itself: leave it out")

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is asked, each with what is right: the parts of the mix, or the one request there is."""
        if self.request is None:
            return tuple(self.mix)
        return (Part(request=self.request, expect=self.expect),)

    @property
    def order_share(self) -> float:
        """The part of the answers that are orders: 1 where all are."""
        weights = [(part.weight, part.expect.order) for part in self.parts]
        return sum(weight for weight, order in weights if order) / sum(weight for weight, _ in weights)

    @property
    def provable(self) -> bool:
        """Whether asking once beforehand proves something: what a write does when it is repeated is the user's
        business, unless they say `ask_first`."""
        return self.ask_first or all(part.request.reads_only for part in self.parts)
