"""The shop in Django: a project of one application, on the tables that `database` makes.

`settings` and `views` are what it is under WSGI, `async_settings` and `async_views` what differs under ASGI. The two
files that servers are given, `django_wsgi_app` and `django_asgi_app`, lie beside this folder.
"""
