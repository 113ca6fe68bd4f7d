import numpy as np
import torch

from crystallin.nn import Edges, SparseCounts, gene_moments, member_correlations, starting_point


def counts_with(theta=4.0, n=4000, seed=0):
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.full(20, 3.0))
    depth = rng.lognormal(6, 0.4, (n, 1))
    mu = depth * share
    return torch.tensor(rng.poisson(rng.gamma(theta, mu / theta))).float(), torch.tensor(depth), share


def test_moments_do_not_depend_on_minibatches_and_match_numpy():
    counts, depth, share = counts_with()
    batch = torch.arange(len(counts)) % 2

    def run(size):
        parts = [slice(i, i + size) for i in range(0, len(counts), size)]
        return gene_moments(((SparseCounts.of(counts[p]), batch[p], depth[p]) for p in parts), n_batch=2, n_genes=20)

    whole, pieces = run(len(counts)), run(300)
    for name in ("mean", "sd", "batch_shift", "intercept", "theta"):
        torch.testing.assert_close(getattr(whole, name), getattr(pieces, name))
    logged = torch.log1p(1e4 * counts.double() / counts.double().sum(1, keepdim=True))
    torch.testing.assert_close(whole.mean, logged.mean(0).float())
    torch.testing.assert_close(whole.sd, logged.std(0, correction=0).float())
    in_batch = torch.stack([logged[batch == i].mean(0) for i in range(2)])
    expected = (in_batch - logged.mean(0)) / logged.std(0, correction=0) * 2000 / 2010
    torch.testing.assert_close(whole.batch_shift, expected.float(), atol=1e-5, rtol=1e-4)
    np.testing.assert_allclose(whole.intercept.exp(), np.tile(share, (2, 1)), rtol=0.1)
    # the moment estimate of a dispersion shared by all genes
    np.testing.assert_allclose(np.median(whole.theta), 4, rtol=0.15)


def test_a_gene_never_seen_and_a_batch_never_seen_stay_finite():
    counts = torch.tensor([[300.0, 100.0, 0.0], [500.0, 300.0, 0.0]])
    moments = gene_moments([(SparseCounts.of(counts), torch.zeros(2), counts.sum(1))], n_batch=2, n_genes=3)
    assert moments.intercept.isfinite().all()
    assert moments.theta.isfinite().all()
    # a batch without cells takes the average of all
    torch.testing.assert_close(moments.intercept[0, :2], moments.intercept[1, :2], atol=0.01, rtol=0)


def test_correlations_leave_the_gene_out_of_its_own_score():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5000, 12))
    x[:, :4] += 1.5 * rng.normal(size=(5000, 1))
    x = torch.tensor((x - x.mean(0)) / x.std(0)).float()
    # program 0: four that go together and one that does not; program 1: noise
    program = torch.tensor([0] * 5 + [1] * 4)
    gene = torch.tensor([0, 1, 2, 3, 4, 8, 9, 10, 11])
    ones = torch.ones(9)
    edges = Edges(gene, program, ones, n_genes=12, n_programs=2)
    found = member_correlations([x[:2000].T, x[2000:].T], ones, edges)
    values = x.numpy()
    expected = [
        np.corrcoef(values[:, g], sum(values[:, h] for q, h in zip(program, gene, strict=True) if q == p and h != g))[
            0, 1
        ]
        for p, g in zip(program.tolist(), gene.tolist(), strict=True)
    ]
    np.testing.assert_allclose(found, expected, atol=0.02)
    assert (found[:4] > 0.5).all() and (found[4:].abs() < 0.06).all()


def test_readout_is_the_posterior_mean_of_a_factor_model():
    """Against the closed form on simulated factors: regression of the factor on the genes."""
    rng = np.random.default_rng(1)
    r = np.array([0.8, 0.6, 0.4])
    z = rng.normal(size=200_000)
    x = z[:, None] * r + rng.normal(size=(200_000, 3)) * np.sqrt(1 - r**2)
    best, residual, *_ = np.linalg.lstsq(x, z, rcond=None)
    index = torch.zeros(3, dtype=torch.long)
    moments = gene_moments([(SparseCounts.of(torch.ones(2, 3)), torch.zeros(2), torch.ones(2))], n_batch=1, n_genes=3)
    edges = Edges(torch.arange(3), index, torch.ones(3), n_genes=3, n_programs=1)
    start = starting_point(torch.tensor(r).float(), edges, moments)
    np.testing.assert_allclose(start.readout, best, atol=0.01)
    np.testing.assert_allclose(start.log_var.exp(), residual / 200_000, atol=0.01)


def test_start_has_the_priors_signs():
    correlation, sign = torch.tensor([0.5, -0.5, -0.5, 0.5]), torch.tensor([1.0, -1.0, 1.0, -1.0])
    moments = gene_moments([(SparseCounts.of(torch.ones(2, 4)), torch.zeros(2), torch.ones(2))], n_batch=1, n_genes=4)
    edges = Edges(torch.arange(4), torch.zeros(4, dtype=torch.long), sign, n_genes=4, n_programs=1)
    start = starting_point(correlation, edges, moments)
    assert (start.loadings * sign > 0).all() and (start.readout * sign > 0).all()
