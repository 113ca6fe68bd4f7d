import anndata as ad
import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize
from scipy.stats import nbinom

import crystallin as cr
from crystallin.datasets._oracle_activity import _true_rates
from crystallin.datasets._simulation import _mode as mode

ARMS = ("log-additive", "additive-rate")
SMALL = {"n_vars": 200, "n_programs": 8, "n_decoys": 0, "program_size": (15, 40)}
HARD = {"ambient": 0.2, "n_batches": 3, "n_signed": 2, "n_two_dimensional": 1, "twins": (0.6,)}


def simulate(n_obs=40, **options):
    return cr.datasets.simulate(n_obs, **{**SMALL, **options})


def parts(adata):
    """What the kernel takes."""
    cells = mode.Observed(
        adata.X.toarray().astype(float),
        adata.obs["depth"].to_numpy(),
        adata.obs["batch"].cat.codes.to_numpy().astype(int),
        adata.var["true_theta"].to_numpy(),
    )
    rates = _true_rates(adata)
    return cells, rates, mode.Pairs.of(rates.loadings)


def written_anew(z, adata, arm):
    """Log posterior of one cell, from scipy's negative binomial and the words of the docstring."""
    code = [str(name) for name in adata.uns["simulation"]["batches"]].index(str(adata.obs["batch"].iloc[0]))
    base = np.exp(adata.var["true_log_base"].to_numpy() + adata.varm["true_batch_effect"][:, code])
    loadings = adata.varm["true_loadings"].astype(float)
    rate = base * (np.exp(loadings @ z) if arm == ARMS[0] else np.maximum(1 + loadings @ np.log1p(np.exp(z)), 0.05))
    share = 0.8 * rate / rate.sum() + 0.2 * adata.varm["true_ambient"][:, code].astype(float)
    mean, theta = adata.obs["depth"].iloc[0] * share, adata.var["true_theta"].to_numpy()
    counts = adata.X.toarray().ravel()
    return nbinom.logpmf(counts, theta, theta / (theta + mean)).sum() - np.square(z).sum() / 2


@pytest.mark.parametrize("arm", ARMS)
def test_objective_is_the_posterior(arm):
    adata = simulate(20, arm=arm, **HARD)
    cells, rates, _ = parts(adata)
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 20, 9))
    found = mode.objective(one, cells, rates) - mode.objective(other, cells, rates)
    for i in range(20):
        cell = adata[i]
        expected = written_anew(one[i], cell, arm) - written_anew(other[i], cell, arm)
        np.testing.assert_allclose(found[i], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("arm", ARMS)
def test_gradient_by_finite_differences(arm):
    cells, rates, pairs = parts(simulate(10, arm=arm, **HARD))
    z = np.random.default_rng(0).normal(size=(10, 9))
    gradient, _ = mode.gradient_and_information(z, cells, rates, pairs)
    for i in range(10):
        one = cells.take(np.array([i]))
        numeric = approx_fprime(z[i], lambda x, one=one: mode.objective(x[None], one, rates)[0], 1e-6)
        np.testing.assert_allclose(gradient[i], numeric, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("arm", ARMS)
def test_information_is_the_dense_one(arm):
    """``J^T D J + 1`` with the Jacobian of the log mean by finite differences."""
    cells, rates, pairs = parts(simulate(10, arm=arm, **HARD))
    z = np.random.default_rng(0).normal(size=(10, 9))
    _, information = mode.gradient_and_information(z, cells, rates, pairs)

    def log_mean(x, i):
        batch = cells.batch[[i]]
        own = rates.own(rates.response(mode.usage(x[None], rates.arm)), batch)
        return np.log(cells.depth[i] * rates.mixed(own, batch)[0])

    for i in range(10):
        steps = 1e-5 * np.eye(9)
        jacobian = np.stack([(log_mean(z[i] + s, i) - log_mean(z[i] - s, i)) / 2e-5 for s in steps], axis=1)
        mean = np.exp(log_mean(z[i], i))
        weight = mean * cells.theta / (cells.theta + mean)
        expected = jacobian.T @ (weight[:, None] * jacobian) + np.eye(9)
        np.testing.assert_allclose(information[i], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("arm", ARMS)
def test_mode_is_the_highest_point(arm):
    cells, rates, pairs = parts(simulate(30, arm=arm, **HARD))
    z, sd, reached = mode.posterior_mode(cells, rates, pairs)
    assert reached.all() and (sd > 0).all() and (sd <= 1.0001).all()
    best = mode.objective(z, cells, rates)
    rng = np.random.default_rng(0)
    for size in (0.1, 0.5, 2):
        assert (mode.objective(z + size * rng.normal(size=z.shape), cells, rates) < best).all()
    # and where scipy ends up
    one = cells.take(np.array([0]))
    found = minimize(lambda x: -mode.objective(x[None], one, rates)[0], np.zeros(9), method="BFGS", tol=1e-5)
    np.testing.assert_allclose(z[0], found.x, atol=0.02)


@pytest.mark.parametrize(("arm", "least_r"), [("log-additive", 0.75), ("additive-rate", 0.5)])
def test_activities_are_found_and_intervals_cover(arm, least_r):
    """Well specified: one cell type, so that z is standard normal as the prior has it."""
    adata = cr.datasets.simulate(
        600, 600, arm=arm, n_programs=15, n_decoys=0, n_cell_types=1, depth=800, program_size=(20, 60)
    )
    found, sd = cr.datasets.oracle_activity(adata)
    truth = adata.obsm["true_activity"]
    assert found.shape == sd.shape == truth.shape and found.dtype == sd.dtype == np.float32
    r = [np.corrcoef(found[:, d], truth[:, d])[0, 1] for d in range(truth.shape[1])]
    assert np.median(r) > least_r
    for nominal, width in ((0.5, 0.674), (0.8, 1.282), (0.9, 1.645)):
        assert (np.abs(found - truth) < width * sd).mean() == pytest.approx(nominal, abs=0.05)


def test_subsets_and_layers():
    adata = simulate(60, **HARD)
    whole = cr.datasets.oracle_activity(adata)
    keep = (adata.obs["batch"] != "batch_01").to_numpy()
    # the first batch is no category any more
    part = adata[keep].copy()
    part.layers["counts"] = part.X.copy()
    part.X = None
    for one, other in zip(cr.datasets.oracle_activity(part, layer="counts"), whole, strict=True):
        np.testing.assert_allclose(one, other[keep], atol=1e-4)
    # a view
    np.testing.assert_allclose(cr.datasets.oracle_activity(adata[keep])[0], whole[0][keep], atol=1e-4)
    # the order of genes is of no matter
    turned = adata[:, ::-1].copy()
    np.testing.assert_allclose(cr.datasets.oracle_activity(turned)[0], whole[0], atol=1e-4)


def test_file_round_trip(tmp_path):
    import anndata as ad

    adata = simulate(**HARD)
    adata.write_h5ad(tmp_path / "cells.h5ad")
    back = cr.datasets.oracle_activity(ad.read_h5ad(tmp_path / "cells.h5ad"))
    np.testing.assert_allclose(back[0], cr.datasets.oracle_activity(adata)[0], atol=1e-4)


def test_cells_that_do_not_get_there_are_told(monkeypatch):
    monkeypatch.setattr(mode, "MAX_STEPS", 1)
    with pytest.warns(UserWarning, match="was not reached"):
        _, sd = cr.datasets.oracle_activity(simulate())
    assert (sd > 0).all()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda a: a.obs.pop("batch"), "adata.obs lacks 'batch'"),
        (lambda a: a.obs.pop("depth"), "adata.obs lacks 'depth'"),
        (lambda a: a.var.pop("true_theta"), "adata.var lacks 'true_theta'"),
        (lambda a: a.varm.pop("true_batch_effect"), "adata.varm lacks 'true_batch_effect'"),
        (lambda a: a.uns.update(simulation={}), "lacks 'params', 'batches'"),
        (lambda a: a.obs.__setitem__("depth", -1.0), "impossible values in 'depth'"),
        (lambda a: a.obs.__setitem__("batch", "zz"), "the batch 'zz'"),
    ],
)
def test_a_simulation_that_lost_a_part_is_refused(change, match):
    adata = simulate()
    change(adata)
    with pytest.raises((KeyError, ValueError), match=match):
        cr.datasets.oracle_activity(adata)


def test_no_cells_and_cells_on_disk_are_refused(tmp_path):
    adata = simulate()
    with pytest.raises(ValueError, match="no cells"):
        cr.datasets.oracle_activity(adata[:0])
    adata.write_h5ad(tmp_path / "x.h5ad")
    backed = ad.read_h5ad(tmp_path / "x.h5ad", backed="r")
    with pytest.raises(ValueError, match="to_memory"):
        cr.datasets.oracle_activity(backed)
    backed.file.close()


def test_bad_input():
    adata = simulate()
    with pytest.raises(KeyError, match="was not simulated"):
        cr.datasets.oracle_activity(cr.datasets.pbmc68k())
    with pytest.raises(ValueError, match="has 100 of the 200 simulated genes"):
        cr.datasets.oracle_activity(adata[:, :100])
    with pytest.raises(KeyError, match="layer='counts'"):
        cr.datasets.oracle_activity(adata, layer="counts")
    adata.X = adata.X / 2
    with pytest.raises(ValueError, match="must hold raw counts"):
        cr.datasets.oracle_activity(adata)
