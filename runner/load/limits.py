"""Limits of the load side's own system, which must never be put down to the target."""

import errno
import os

from ...results.errors import LoadError

OUR_OWN_LIMITS = (errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM)


def own_limit(error: OSError) -> LoadError:
    """What is said of an error of connecting that is one of `OUR_OWN_LIMITS`."""
    return LoadError(
        f"cannot open more connections: {os.strerror(error.errno or 0)}. This is a limit of the load side, not of the "
        "target: use fewer connections, or raise it (open files: ulimit -n; ports: net.ipv4.ip_local_port_range)"
    )
