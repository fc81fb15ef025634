"""The shop in Django, with the views of `django_shop.views`, which are plain functions.

Run it with any WSGI server: `gunicorn --threads 8 apps.django_wsgi_app:app`. Its database is `$DATABASE_URL` (without
it, a SQLite file of its own), the service that it asks for prices `$UPSTREAM_URL`.
"""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = f"{__package__}.django_shop.settings"

app = get_wsgi_application()
