"""What is set differently under ASGI."""

from .settings import *  # noqa: F403

ROOT_URLCONF = f"{__package__}.async_urls"
# Under ASGI each request has a thread of its own, so Django's documentation says not to keep its connection.
DATABASES["default"]["CONN_MAX_AGE"] = 0  # noqa: F405
