"""Plain Locust as the driver, with its own HTTP client, gevent and all: for cross-checking, and for locustfiles."""
