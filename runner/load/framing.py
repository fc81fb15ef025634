"""How an answer says where it ends, and where it begins: looked up again in the rare cases where the parser is lax."""

import httptools

START = b"HTTP/1."


class HeadReader:
    """Reads an answer again: its headers by name, and whether all of it is there."""

    def __init__(self) -> None:
        self.names: set[bytes] = set()
        self.status: int | None = None
        self.whole = False
        self.parser = httptools.HttpResponseParser(self)

    def on_message_begin(self) -> None:
        """Forget an interim answer's headers."""
        self.names.clear()
        self.status = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header's name."""
        self.names.add(name.lower())

    def on_headers_complete(self) -> None:
        """The headers are whole."""
        self.status = self.parser.get_status_code()

    def on_message_complete(self) -> None:
        """The answer is whole, unless it is interim."""
        self.whole = self.status is not None and self.status >= 200


def status_if_ended_by_close(head: bytes) -> int | None:
    """The status of an answer whose body ends with the connection; None when its framing says otherwise."""
    reader = HeadReader()
    try:
        reader.parser.feed_data(head)
    except httptools.HttpParserError:
        return None
    if reader.status is None or reader.status < 200 or reader.names & {b"content-length", b"transfer-encoding"}:
        return None
    return reader.status if head.startswith(START) else None


def is_whole(data: bytes) -> bool:
    """Whether these bytes, which the parser took, are a whole answer already."""
    reader = HeadReader()
    reader.parser.feed_data(data)
    return reader.whole


def asks_to_close(request: bytes) -> bool:
    """Whether a request says that it is its connection's last (RFC 9112, 9.6): then nothing more may be sent on it,
    even where the answer promises to keep it. uWSGI's router does, and closes."""
    head, _, _ = request.lower().partition(b"\r\n\r\n")
    headers = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    said = [value for name, _, value in headers if name == b"connection"]
    return any(option.strip() == b"close" for value in said for option in value.split(b","))
