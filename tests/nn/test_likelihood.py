import pytest
import scipy.stats
import torch
from scvi.distributions import NegativeBinomial, ZeroInflatedNegativeBinomial

from crystallin.nn import CountLikelihood

THETA = torch.tensor([0.3, 2.0, 50.0], dtype=torch.float64)
LOGITS = torch.tensor([-3.0, 0.0, 1.0], dtype=torch.float64)
LOG_MU = torch.tensor([[-3.0, 0.0, 2.5], [1.0, -0.5, 4.0]], dtype=torch.float64)


def reference(kind, mu):
    if kind == "poisson":
        return torch.distributions.Poisson(mu, validate_args=False)
    if kind == "nb":
        return NegativeBinomial(mu=mu, theta=THETA, validate_args=False)
    return ZeroInflatedNegativeBinomial(mu=mu, theta=THETA, zi_logits=LOGITS, validate_args=False)


@pytest.mark.parametrize("kind", ["nb", "poisson", "zinb"])
def test_differences_of_log_prob_are_the_distributions(kind):
    likelihood = CountLikelihood(kind, THETA, LOGITS)
    for count in (0.0, 1.0, 7.0):
        x = torch.full_like(LOG_MU, count)
        other = LOG_MU.flip(0)
        ours = likelihood.evaluate(x, LOG_MU)[0] - likelihood.evaluate(x, other)[0]
        theirs = reference(kind, LOG_MU.exp()).log_prob(x) - reference(kind, other.exp()).log_prob(x)
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["nb", "poisson", "zinb"])
def test_score_is_the_derivative_and_information_its_expected_square(kind):
    likelihood = CountLikelihood(kind, THETA, LOGITS)
    log_mu = LOG_MU.clone().requires_grad_()
    for count in (0.0, 3.0):
        x = torch.full_like(LOG_MU, count)
        (gradient,) = torch.autograd.grad(likelihood.evaluate(x, log_mu)[0].sum(), log_mu)
        _, score, _ = likelihood.evaluate(x, LOG_MU)
        torch.testing.assert_close(score, gradient)
    # expectation over all counts that matter
    grid = torch.arange(0, 3000, dtype=torch.float64)[:, None, None].expand(-1, *LOG_MU.shape)
    _, scores, information = likelihood.evaluate(grid, LOG_MU)
    if kind == "poisson":
        p = torch.as_tensor(scipy.stats.poisson.pmf(grid.numpy(), LOG_MU.exp().numpy()))
    else:
        theta, mu = THETA.numpy(), LOG_MU.exp().numpy()
        p = torch.as_tensor(scipy.stats.nbinom.pmf(grid.numpy(), theta, theta / (theta + mu)))
        if kind == "zinb":
            technical = torch.sigmoid(LOGITS)
            p = (1 - technical) * p
            p[0] += technical
    torch.testing.assert_close((p * scores).sum(0), torch.zeros_like(LOG_MU), atol=1e-8, rtol=0)
    torch.testing.assert_close((p * scores.square()).sum(0), information, atol=1e-8, rtol=1e-6)


def test_extreme_means_stay_finite():
    for kind in ("nb", "poisson", "zinb"):
        likelihood = CountLikelihood(kind, THETA.float(), LOGITS.float())
        log_mu = torch.tensor([[-40.0, 12.0, 0.0]])
        x = torch.tensor([[0.0, 5.0, 1e6]])
        assert all(part.isfinite().all() for part in likelihood.evaluate(x, log_mu))
