"""What crosses between processes: one JSON document per line. Bytes travel as base64, so any request survives."""

import functools
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from ...results.errors import LoadError
from ...results.histogram import Histogram
from ...results.ledger import Ledger
from .orders import Arrival, Block, BlockReport, Interval, Json, SlowReport, TurnOrder, TurnReport
from .wire_endpoints import EndpointDecoder, EndpointEncoder

Record = TypeVar("Record")
SHOWN_CHARACTERS = 200
# What a document that lacks something, or has something else in its place, makes the code here raise.
DAMAGE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)


def _or_load_error(decode: Callable[[Json], Record]) -> Callable[[Json], Record]:
    """A message that arrived damaged is a failure of the load side like any other."""

    @functools.wraps(decode)
    def decode_whole(data: Json) -> Record:
        try:
            return decode(data)
        except DAMAGE as error:
            raise LoadError(f"a message of the load side is damaged: {error!r}"[:SHOWN_CHARACTERS]) from error

    return decode_whole


def dump_line(document: Json) -> bytes:
    """One document as a line."""
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def load_line(line: bytes) -> dict[str, Any]:
    """The document of a line. Raises LoadError when it is none."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LoadError(f"a line from a load process is not JSON: {line[:80]!r}") from error
    if not isinstance(document, dict):
        raise LoadError(f"a line from a load process is no document: {line[:80]!r}")
    return document


def encode_order(order: TurnOrder) -> dict[str, Any]:
    """A turn's order as JSON."""
    return {
        "endpoint": order.endpoint,
        "seconds": order.seconds,
        "round": order.round,
        "position": order.position,
        "warmup": order.warmup,
    }


@_or_load_error
def decode_order(data: Json) -> TurnOrder:
    """The order that `encode_order` wrote. Raises LoadError for what is none."""
    return TurnOrder(data["endpoint"], data["seconds"], data["round"], data["position"], data["warmup"])


def encode_block(block: Block) -> dict[str, Any]:
    """A block as JSON."""
    encoder = EndpointEncoder()
    return {
        "id": block.id,
        "endpoints": [encoder.encode(endpoint) for endpoint in block.endpoints],
        "arrival": {
            "connections": block.arrival.connections,
            "rate_rps": block.arrival.rate_rps,
            "poisson": block.arrival.poisson,
        },
        "turns": [encode_order(order) for order in block.turns],
        "timeout_s": block.timeout_s,
        "seed": block.seed,
        "drain": block.drain,
    }


@_or_load_error
def decode_block(data: Json) -> Block:
    """The block that `encode_block` wrote. Raises LoadError for what is none."""
    decoder = EndpointDecoder()
    return Block(
        id=data["id"],
        endpoints=tuple(decoder.decode(endpoint) for endpoint in data["endpoints"]),
        arrival=Arrival(**data["arrival"]),
        turns=tuple(decode_order(order) for order in data["turns"]),
        timeout_s=data["timeout_s"],
        seed=data["seed"],
        drain=data["drain"],
    )


def encode_turn(report: TurnReport) -> dict[str, Any]:
    """A turn's report as JSON."""
    return {
        "order": encode_order(report.order),
        "started_ns": report.started_ns,
        "elapsed_s": report.elapsed_s,
        "ledger": report.ledger.to_dict(),
        "service_time": report.service_time.to_dict(),
        "response_time": _encode_maybe(report.response_time),
        "schedule_lag": _encode_maybe(report.schedule_lag),
        "error_time": report.error_time.to_dict(),
        "target_cpu_s": report.target_cpu_s,
        "load_cpu_s": report.load_cpu_s,
        "load_wait_s": report.load_wait_s,
        "connects": report.connects,
        "reopened": report.reopened,
        "first_error": report.first_error,
        "waiting_s": report.waiting_s,
        "service_so_far": report.service_so_far.to_dict(),
        "response_so_far": _encode_maybe(report.response_so_far),
        "intervals": [[part.until_s, part.sent, part.ok, part.errors] for part in report.intervals],
    }


@_or_load_error
def decode_turn(data: Json) -> TurnReport:
    """The report that `encode_turn` wrote. Raises LoadError for what is none."""
    return TurnReport(
        order=decode_order(data["order"]),
        started_ns=data["started_ns"],
        elapsed_s=data["elapsed_s"],
        ledger=Ledger.from_dict(data["ledger"]),
        service_time=Histogram.from_dict(data["service_time"]),
        response_time=_decode_maybe(data["response_time"]),
        schedule_lag=_decode_maybe(data["schedule_lag"]),
        error_time=Histogram.from_dict(data["error_time"]),
        target_cpu_s=data["target_cpu_s"],
        load_cpu_s=data["load_cpu_s"],
        connects=data["connects"],
        reopened=data["reopened"],
        first_error=data["first_error"],
        waiting_s=data["waiting_s"],
        service_so_far=Histogram.from_dict(data["service_so_far"]),
        response_so_far=_decode_maybe(data["response_so_far"]),
        intervals=tuple(Interval(*part) for part in data["intervals"]),
        load_wait_s=data["load_wait_s"],
    )


def encode_report(report: BlockReport) -> dict[str, Any]:
    """A block's report as JSON."""
    return {
        "id": report.id,
        "turns": [encode_turn(turn) for turn in report.turns],
        "locust_requests": report.locust_requests,
        "locust_failures": report.locust_failures,
        "notes": list(report.notes),
        "paused_s": report.paused_s,
        "slow": [encode_slow(slow) for slow in report.slow],
    }


@_or_load_error
def decode_report(data: Json) -> BlockReport:
    """The report that `encode_report` wrote. Raises LoadError for what is none."""
    return BlockReport(
        id=data["id"],
        turns=tuple(decode_turn(turn) for turn in data["turns"]),
        locust_requests=data["locust_requests"],
        locust_failures=data["locust_failures"],
        notes=tuple(data["notes"]),
        paused_s=data["paused_s"],
        slow=tuple(decode_slow(slow) for slow in data["slow"]),
    )


def encode_slow(report: SlowReport) -> dict[str, Any]:
    """What became of slow clients, as JSON."""
    return asdict(report)


@_or_load_error
def decode_slow(data: Json) -> SlowReport:
    """What `encode_slow` wrote. Raises LoadError for what is none."""
    return SlowReport(data["endpoint"], data["wanted"], data["held"], data["ended"], data["refused"])


def _encode_maybe(histogram: Histogram | None) -> dict[str, int] | None:
    return None if histogram is None else histogram.to_dict()


def _decode_maybe(data: Json | None) -> Histogram | None:
    return None if data is None else Histogram.from_dict(data)
