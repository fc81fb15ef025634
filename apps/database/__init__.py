"""The shop's database: SQLite as it comes with Python, or PostgreSQL, by URL.

`schema` says where it is and makes it, `blocking` serves applications that have threads, `aio` those that have an
event loop. Both keep one promise: no order takes what is not there, however many processes, threads and tasks ask.
"""
