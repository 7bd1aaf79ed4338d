"""What an error of the operating system is about that is met while files are put in their place."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from daemon.files import is_environment
from daemon.pipeline.endplace import Filing, plain_path

_NO_SUCH_NAME = frozenset(
    {errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG, errno.EPERM, errno.ENOENT}
)
"""What the file systems of other systems answer to a name with a colon and the like."""


def is_of_all(error: OSError, group: Sequence[Filing]) -> bool:
    """Whether an error is the trouble of a disk or the machine, and not of one file's own place.

    Rights that are missing may be those of one folder below.
    """
    if error.errno in (errno.EACCES, errno.EPERM):
        ends = {filing.places.folder(filing.ending.folder) for filing in group}
        return not all(os.access(end, os.W_OK | os.X_OK) for end in ends)
    return is_environment(error)


def is_of_name(error: OSError, filing: Filing) -> bool:
    """Whether it may be that the disk does not take a file's name, and a plain one can be tried."""
    return (
        error.errno in _NO_SUCH_NAME
        and not filing.plain
        and plain_path(filing.job.path) != filing.job.path
    )
