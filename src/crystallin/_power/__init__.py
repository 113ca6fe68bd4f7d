"""Power of planned studies: what is known of a comparison, and what a larger or smaller study would find."""

from ._power import power

__all__ = ["power"]
