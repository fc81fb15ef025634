"""Sides by name: a target is called ``base@uvicorn``, its side ``base``."""


def side_of(target: str) -> str:
    """The side that a target is."""
    return target.partition("@")[0]
