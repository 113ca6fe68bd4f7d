"""Which members a program lacks, and which do not follow it."""

from ._programs import check_awake, which_awake
from ._result import audited, check_audit
from ._verdict import MISSING, SUGGESTED

__all__ = ["MISSING", "SUGGESTED", "audited", "check_audit", "check_awake", "which_awake"]
