"""Count likelihoods as functions of the log mean: value, gradient and expected information.

Terms that depend on the counts alone are left out of the values, which serve to compare means for the same counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn.functional import softplus


@dataclass(frozen=True)
class CountLikelihood:
    """Likelihood of counts given their mean.

    Attributes
    ----------
    kind
        ``"nb"``, ``"poisson"`` or ``"zinb"``.
    theta
        Inverse dispersion of the negative binomial, genes x 1 or genes x cells (unused for Poisson).
    zero_logits
        Logit of the probability of a technical zero, genes x 1 (only ``"zinb"``).
    """

    kind: Literal["nb", "poisson", "zinb"]
    theta: torch.Tensor
    zero_logits: torch.Tensor

    def __getitem__(self, cells: torch.Tensor | slice) -> CountLikelihood:
        """The likelihood of some of the cells."""
        theta = self.theta[:, cells] if self.theta.shape[1] > 1 else self.theta
        return CountLikelihood(self.kind, theta, self.zero_logits)

    def evaluate(self, x: torch.Tensor, log_mu: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the log-likelihood of each count, its derivative by ``log_mu`` and the expected square of that.

        Terms that do not depend on ``log_mu`` are left out of the log-likelihood; the expected square of the derivative
        is the Fisher information.
        """
        mu = log_mu.exp()
        if self.kind == "poisson":
            return x * log_mu - mu, x - mu, mu
        odds = mu / self.theta
        log_sum, shrink = odds.log1p(), 1 / (1 + odds)
        # the mean may be beyond single precision although its logarithm is not
        log_sum = torch.where(odds.isinf(), log_mu - self.theta.log(), log_sum)
        value = x * (log_mu - log_sum) - self.theta * log_sum
        score, information = (x - mu) * shrink, mu * shrink
        if self.kind == "nb":
            return value, score, information
        log_keep, keep = -softplus(self.zero_logits), torch.sigmoid(-self.zero_logits)
        log_nb_zero = log_keep - self.theta * log_sum
        log_zero = torch.logaddexp(-softplus(-self.zero_logits), log_nb_zero)
        nb_zero, zero = log_nb_zero.exp(), log_zero.exp()
        score_zero = -nb_zero * information / zero
        # E[score^2]: the negative binomial's, with its share at zero replaced by the mixture's
        information_zi = keep * information - nb_zero * information**2 + zero * score_zero**2
        return (
            torch.where(x > 0, log_keep + value, log_zero),
            torch.where(x > 0, score, score_zero),
            information_zi.clamp(min=0),
        )

    def sensitivity(self, x: torch.Tensor, log_mu: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the derivative of the score by the count, and minus that by ``log_mu`` (the observed information).

        This is not defined for ``"zinb"``, whose score jumps at a count of 0.
        """
        if self.kind == "zinb":
            msg = "The score of a zero-inflated likelihood is not a smooth function of the count."
            raise ValueError(msg)
        mu = log_mu.exp()
        if self.kind == "poisson":
            return torch.ones_like(mu), mu
        shrink = 1 / (1 + mu / self.theta)
        return shrink, mu * shrink * shrink * (1 + x / self.theta)
