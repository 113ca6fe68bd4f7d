"""The main results in sentences, from the tables that are stored."""

from ._section import findings_section

__all__ = ["findings_section"]
