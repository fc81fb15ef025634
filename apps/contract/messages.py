"""What a WebSocket has to send back: every message as it came, text as text and bytes as bytes."""

from typing import Final

ECHO_PATH: Final = "/ws"

MESSAGES: Final[tuple[str | bytes, ...]] = (
    "sgibench",
    # No empty bytes: Quart cannot tell them from a text that is missing, and fails.
    "",
    bytes(range(256)),
    "商品不存在 €",
    # Longer than what two bytes of a frame's head can count.
    "0123456789" * 7000,
    bytes(range(250)) * 280,
)
"""In this order, on one connection."""
