"""Small apps, each about one sentence of the articles. A file stands alone: it can be read, and served, by itself.

Run one with any ASGI server, from the folder that holds `apps`: `uvicorn apps.claims.background:app`.
"""
