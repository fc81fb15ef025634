"""The shop in Django, with the views of `django_shop.async_views`, which are coroutines.

Run it with any ASGI server: `uvicorn apps.django_asgi_app:app`. Its database is `$DATABASE_URL` (without it, a SQLite
file of its own), the service that it asks for prices `$UPSTREAM_URL`.
"""

import os

from django.core.asgi import get_asgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = f"{__package__}.django_shop.async_settings"

app = get_asgi_application()
