"""Count likelihoods as functions of the log mean: value, gradient and expected information.

Constants in the counts are left out of the values: they serve to compare two means for the same counts.
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
        Inverse dispersion of the negative binomial, per gene or cells x genes (unused for Poisson).
    zero_logits
        Logit of the probability of a technical zero (only ``"zinb"``).
    """

    kind: Literal["nb", "poisson", "zinb"]
    theta: torch.Tensor
    zero_logits: torch.Tensor

    def __getitem__(self, cells: torch.Tensor | slice) -> CountLikelihood:
        """The likelihood of some of the cells."""
        per_cell = self.theta.ndim == 2
        return CountLikelihood(self.kind, self.theta[cells] if per_cell else self.theta, self.zero_logits)

    def log_prob(self, x: torch.Tensor, log_mu: torch.Tensor) -> torch.Tensor:
        """Log-likelihood per count, up to terms in ``x`` alone."""
        if self.kind == "poisson":
            return x * log_mu - log_mu.exp()
        theta, log_theta = self.theta, self.theta.log()
        # log(theta + mu) without overflow
        log_sum = torch.logaddexp(log_theta, log_mu)
        nb = x * (log_mu - log_sum) + theta * (log_theta - log_sum)
        if self.kind == "nb":
            return nb
        log_not = -softplus(self.zero_logits)
        at_zero = torch.logaddexp(-softplus(-self.zero_logits), log_not + theta * (log_theta - log_sum))
        return torch.where(x > 0, log_not + nb, at_zero)

    def score_and_information(self, x: torch.Tensor, log_mu: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """First derivative by ``log_mu`` and its expected square (Fisher information), per count."""
        mu = log_mu.exp()
        if self.kind == "poisson":
            return x - mu, mu
        shrink = self.theta / (self.theta + mu)
        score, information = (x - mu) * shrink, mu * shrink
        if self.kind == "nb":
            return score, information
        keep = torch.sigmoid(-self.zero_logits)
        nb_zero = keep * torch.exp(self.theta * shrink.log())
        zero = 1 - keep + nb_zero
        score_zero = -nb_zero * information / zero
        # E[score^2]: the negative binomial's, with its share at zero replaced by the mixture's
        information_zi = keep * information - nb_zero * information**2 + zero * score_zero**2
        return torch.where(x > 0, score, score_zero), information_zi.clamp(min=0)
