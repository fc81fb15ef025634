"""WebSocket frames are read as another implementation of RFC 6455 reads them, however they are cut."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol, ParseFailed

from sgibench.runner.load.websocket_frames import (
    FrameError,
    FrameReader,
    Message,
    Opcode,
    TooLongError,
    client_frame,
    masked,
    server_frame,
)

MANY = settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
LIMIT = 1 << 62  # none: what is too long has a test of its own
CONTROL = (Opcode.CLOSE, Opcode.PING, Opcode.PONG)


def frame(opcode: int, payload: bytes = b"", *, final: bool = True, bits: int = 0) -> bytes:
    """A frame of any kind, right or wrong; lengths as they should be."""
    plain = server_frame(Opcode.BINARY, payload)
    return bytes((opcode | (0x80 if final else 0) | bits,)) + plain[1:]


def read(pieces: list[bytes]) -> tuple[list[Message], bool, bool]:
    """What the reader makes of the pieces, up to a close frame: all whole messages, whether it refused what follows,
    and whether something is left over."""
    reader = FrameReader(LIMIT)
    seen: list[Message] = []
    try:
        for piece in pieces:
            for message in reader.read(piece):
                seen.append(message)
                if message.opcode is Opcode.CLOSE:
                    return seen, False, False
    except FrameError:
        return seen, True, False
    return seen, False, not reader.clean


def read_by_reference(data: bytes) -> tuple[list[Message], bool]:
    """The same, by wsproto."""
    reader = FrameProtocol(client=True, extensions=[])
    seen: list[Message] = []
    parts: list[bytes] = []
    reader.receive_bytes(data)
    try:
        for event in reader.received_frames():
            opcode, payload = Opcode(int(event.opcode)), event.payload
            if opcode in CONTROL:
                if isinstance(payload, tuple):
                    code, reason = payload
                    payload = b"" if code == 1005 else int(code).to_bytes(2, "big") + reason.encode()
                assert isinstance(payload, bytes)
                seen.append(Message(opcode, payload))
                if opcode is Opcode.CLOSE:
                    break
                continue
            parts.append(payload.encode() if isinstance(payload, str) else bytes(payload))  # type: ignore[arg-type]
            if event.message_finished:
                seen.append(Message(opcode, b"".join(parts)))
                parts.clear()
    except ParseFailed:
        return seen, True
    return seen, False


def check(data: bytes, pieces: list[bytes]) -> None:
    ours, refused, left = read(pieces)
    theirs, also_refused = read_by_reference(data)
    assert ours == theirs
    if refused and not also_refused:
        # We refuse a frame at its first wrong byte, and wsproto when its head is whole: before it gives anything more.
        assert read_by_reference(data + bytes(140)) == (theirs, True)
    if also_refused:
        assert refused or left  # a text that cannot become UTF-8 any more, we refuse when it is whole


SIZES = st.sampled_from([0, 1, 2, 124, 125, 126, 127, 128, 300, 65_535, 65_536, 70_000])
PAYLOADS = st.one_of(
    st.binary(max_size=6),
    st.text(max_size=6).map(str.encode),
    SIZES.map(lambda size: b"s" * size),
    st.sampled_from([b"\xe5\x95", b"\x86", b"\xed\xa0\x80", b"\x03\xe8", b"\x03\xe8bye", b"\x03", b"\x03\xed"]),
)
OPCODES = st.sampled_from([0, 0, 1, 1, 2, 8, 9, 9, 10, 3, 11])
FRAMES = st.one_of(
    st.builds(frame, OPCODES, PAYLOADS, final=st.booleans(), bits=st.sampled_from([0] * 9 + [0x40])),
    st.builds(frame, st.sampled_from([1, 2, 9, 10]), PAYLOADS),
    st.builds(client_frame, st.sampled_from(list(Opcode)), st.binary(max_size=4), st.binary(min_size=4, max_size=4)),
    st.sampled_from([b"\x82\x7e\x00\x05hello", b"\x82\x7f" + b"\x00" * 7 + b"\x05hello", b"\x82\x7f\xff", b"\x89\x7e"]),
)
STREAMS = st.one_of(st.lists(FRAMES, max_size=5).map(b"".join), st.binary(max_size=12))


@st.composite
def cut(draw: st.DrawFn, data: bytes) -> list[bytes]:
    at = sorted(draw(st.sets(st.integers(0, len(data)), max_size=5)))
    return [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True)]


@MANY
@given(st.data(), STREAMS)
def test_frames_are_read_as_wsproto_reads_them(data: st.DataObject, stream: bytes) -> None:
    check(stream, data.draw(cut(stream)))


@MANY
@example(b"\x82\x7f" + (300).to_bytes(8, "big") + b"s" * 300)
@example(frame(8, b"\x03\xed"))
@example(frame(8, b"\x03\xf0"))
@example(frame(8, b"\x13\x88"))
@example(frame(8, b"\x03\xe8\xff"))
@given(STREAMS.filter(lambda stream: len(stream) < 400))
@example(frame(1, "商".encode()[:2], final=False) + frame(9, b"?") + frame(0, "商".encode()[2:]))
@example(frame(2, b"", final=False) + frame(0, b"", final=False) + frame(8, b"\x03\xe8") + frame(0, b""))
def test_frames_are_the_same_byte_by_byte(stream: bytes) -> None:
    check(stream, [stream[at : at + 1] for at in range(len(stream))])


@MANY
@given(st.data(), st.sampled_from([Opcode.TEXT, Opcode.BINARY]), st.text(max_size=40), SIZES)
def test_every_right_message_is_read_in_whatever_fragments_it_comes(
    data: st.DataObject, opcode: Opcode, text: str, size: int
) -> None:
    payload = (text.encode() or b"x") * (size // max(len(text.encode()), 1) + 1)
    parts = data.draw(cut(payload))
    stream = b""
    pings = 0
    for number, part in enumerate(parts):
        stream += frame(opcode if number == 0 else 0, part, final=number == len(parts) - 1)
        if number < len(parts) - 1 and data.draw(st.booleans()):
            stream += frame(Opcode.PING, b"still there?")
            pings += 1
    seen, refused, left = read(data.draw(cut(stream)))
    assert not refused
    assert not left
    assert seen[-1] == Message(opcode, payload)
    assert [message.opcode for message in seen[:-1]] == [Opcode.PING] * pings


@MANY
@given(st.sampled_from(list(Opcode)), st.binary(max_size=125), st.binary(min_size=4, max_size=4))
def test_what_a_client_writes_is_what_a_server_reads(opcode: Opcode, payload: bytes, key: bytes) -> None:
    if opcode in (Opcode.CONTINUATION, Opcode.CLOSE):
        opcode, payload = Opcode.BINARY, payload * 600  # up to 75,000 bytes
    if opcode is Opcode.TEXT:
        payload = payload.hex().encode()
    server = FrameProtocol(client=False, extensions=[])
    server.receive_bytes(client_frame(opcode, payload, key))
    events = list(server.received_frames())
    said = b"".join(
        event.payload.encode() if isinstance(event.payload, str) else bytes(event.payload)  # type: ignore[arg-type]
        for event in events
    )
    assert said == payload
    assert int(events[-1].opcode) == opcode
    assert events[-1].message_finished
    assert masked(masked(payload, key), key) == payload


@pytest.mark.parametrize(
    "stream",
    [
        server_frame(Opcode.BINARY, b"12345678901"),
        server_frame(Opcode.BINARY, b"1" * 70_000)[:10],
        frame(2, b"123456", final=False) + frame(0, b"78901"),
        b"\x82\x7f\x7f" + b"\xff" * 7,
    ],
    ids=["whole", "announced", "in fragments", "endless"],
)
def test_a_message_is_refused_as_soon_as_it_says_that_it_is_too_long(stream: bytes) -> None:
    reader = FrameReader(10)
    with pytest.raises(TooLongError):
        list(reader.read(stream))


def test_a_message_of_just_the_limit_and_control_frames_beside_it_are_read() -> None:
    reader = FrameReader(4)
    stream = frame(2, b"12", final=False) + frame(9, b"p" * 125) + frame(0, b"34")
    assert [message.opcode for message in reader.read(stream)] == [Opcode.PING, Opcode.BINARY]


def test_whether_a_message_is_begun_is_known_from_its_first_byte() -> None:
    for first, in_message in ((b"\x81", True), (b"\x02", True), (b"\x89", False), (b"\x88", False)):
        reader = FrameReader(10)
        assert list(reader.read(first)) == []
        assert reader.in_message is in_message
        assert not reader.clean
