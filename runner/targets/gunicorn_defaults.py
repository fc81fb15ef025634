"""gunicorn's settings file for targets, with nothing in it.

Without it gunicorn reads ``gunicorn.conf.py`` from the working directory, and a setting in there (``threads``, say, which
silently turns sync workers into threaded ones) would change what is measured under the setup's name.
"""
