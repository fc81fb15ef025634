"""The settings, as for production. The names are Django's: https://docs.djangoproject.com/en/stable/ref/settings/"""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.management.utils import get_random_secret_key

from ..database.schema import database_url, locate, pool_size
from ..database.sqlite import BUSY_TIMEOUT_S, SETTINGS
from ..shop import STATIC
from ..shop import TEMPLATES as TEMPLATE_FOLDER

DEBUG = False
# A new one at every start will do where nothing is signed: there are no sessions here.
SECRET_KEY = get_random_secret_key()
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]

INSTALLED_APPS = ["django.contrib.staticfiles", f"{__package__}"]
ROOT_URLCONF = f"{__package__}.urls"
# The project template's list without what serves browsers that are logged in: sessions, users, messages, and CSRF
# protection, which guards cookies that are not there.
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.common.CommonMiddleware",
]
APPEND_SLASH = False
TIME_ZONE = "UTC"

TEMPLATES = [{"BACKEND": "django.template.backends.jinja2.Jinja2", "DIRS": [TEMPLATE_FOLDER]}]

STATIC_URL = "/static/"
# What `collectstatic` fills in other projects. There is one folder here, and nothing to collect.
STATIC_ROOT = STATIC


def sqlite(path: str) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        # Every thread keeps its connection.
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": BUSY_TIMEOUT_S,
            # A transaction that begins by reading cannot be sure of the lock when it comes to write.
            "transaction_mode": "IMMEDIATE",
            "init_command": "; ".join(SETTINGS),
        },
    }


def postgresql(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.removeprefix("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        # psycopg's own pool, one for each process.
        "OPTIONS": {**dict(parse_qsl(parts.query)), "pool": {"min_size": 1, "max_size": pool_size()}},
    }


def database() -> dict[str, Any]:
    location = locate(database_url())
    return sqlite(str(location.path)) if location.path else postgresql(location.url)


DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Errors go to the server's log, and nothing else does.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler", "level": "ERROR"}},
    "root": {"handlers": ["console"]},
}
