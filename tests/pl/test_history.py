import numpy as np
import pytest
from matplotlib.axes import Axes

import crystallin as cr


def test_history(model):
    ax = cr.pl.history(model)
    assert isinstance(ax, Axes)
    training, validation, kept = ax.lines
    history = model.history["elbo_validation"].iloc[:, 0]
    np.testing.assert_allclose(validation.get_ydata(), history.astype(float))
    assert kept.get_xdata()[0] == history.astype(float).argmin()
    assert len(training.get_xdata()) == len(model.history["elbo_train"])


def test_history_of_an_untrained_model(adata):
    cr.ProgramVAE.setup_anndata(adata)
    with pytest.raises(ValueError, match="no training history"):
        cr.pl.history(cr.ProgramVAE(adata))
