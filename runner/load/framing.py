"""How an answer says where it ends: looked up again only when a connection ended in the middle of one."""

import httptools


class HeadReader:
    """Reads the headers of an answer again, by name, for the one question that needs them."""

    def __init__(self) -> None:
        self.names: set[bytes] = set()
        self.status: int | None = None
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


def status_if_ended_by_close(head: bytes) -> int | None:
    """The status of an answer whose body ends with the connection; None when its framing says otherwise."""
    reader = HeadReader()
    try:
        reader.parser.feed_data(head)
    except httptools.HttpParserError:
        return None
    if reader.status is None or reader.status < 200 or reader.names & {b"content-length", b"transfer-encoding"}:
        return None
    return reader.status
