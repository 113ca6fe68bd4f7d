"""The command line: from a file of counts to activities, loadings and figures."""

from ._main import main
from ._top import top_programs

__all__ = ["main", "top_programs"]
