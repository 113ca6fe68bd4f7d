import pytest
import torch
from captum import attr

from crystallin.nn import ATTRIBUTION_METHODS, DeepReader, Reader, attribute
from crystallin.nn._quadrature import path_integrated_gradients

N_LATENT, N_GENES, N_HIDDEN, N_CELLS = 5, 30, 16, 7
EXACT = [name for name, method in ATTRIBUTION_METHODS.items() if method.encoder and not method.by_captum]


@pytest.fixture
def problem():
    generator = torch.Generator().manual_seed(0)
    rand = lambda *size: torch.randn(*size, generator=generator, dtype=torch.float64)  # noqa: E731
    reader = Reader(rand(N_LATENT, N_GENES), rand(N_HIDDEN, N_GENES), rand(N_HIDDEN), rand(N_LATENT, N_HIDDEN))
    return reader, rand(N_GENES, N_CELLS), rand(N_GENES, 1)


class Network(torch.nn.Module):
    """The same with layers that captum knows."""

    def __init__(self, reader):
        super().__init__()
        self.reader, self.relu = reader, torch.nn.ReLU()
        self.first = torch.nn.Linear(N_GENES, N_HIDDEN).double()
        self.last = torch.nn.Linear(N_HIDDEN, N_LATENT, bias=False).double()
        self.first.weight.data, self.first.bias.data = reader.first, reader.bias
        self.last.weight.data = reader.last

    def forward(self, x):
        return x @ self.reader.skip.T + self.last(self.relu(self.first(x)))


def of_captum(explainer, reader, x, **options):
    explainer, cells = explainer(Network(reader)), x.T.contiguous().requires_grad_()
    return torch.stack(
        [explainer.attribute(cells, target=program, **options).sum(0).detach() for program in range(N_LATENT)]
    )


@pytest.mark.parametrize("method", ["integrated_gradients", "deeplift"])
def test_sums_to_the_change_of_the_output(problem, method):
    reader, x, baseline = problem
    total = attribute(reader, x, baseline, method).sum(1)
    torch.testing.assert_close(total, (reader(x) - reader(baseline)).sum(1))


def test_captum_converges_to_it(problem):
    reader, x, baseline = problem
    exact = attribute(reader, x, baseline, "integrated_gradients")
    errors = []
    for n_steps in (50, 200, 1_000):
        options = {"baselines": baseline.T, "n_steps": n_steps, "method": "riemann_middle"}
        theirs = of_captum(attr.IntegratedGradients, reader, x, **options)
        errors.append(float((theirs - exact).abs().max()))
    # slopes jump where units turn on, so the error falls with the number of steps and no faster
    assert errors[2] < errors[1] < errors[0] and errors[2] < errors[0] / 4
    assert errors[2] < 0.01 * float(exact.abs().max())


# it hooks the layers and says so
@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks:UserWarning")
def test_as_captum_has_it(problem):
    reader, x, baseline = problem
    theirs = of_captum(attr.DeepLift, reader, x, baselines=baseline.T)
    torch.testing.assert_close(attribute(reader, x, baseline, "deeplift"), theirs)
    theirs = of_captum(attr.FeatureAblation, reader, x, baselines=baseline.T)
    torch.testing.assert_close(attribute(reader, x, baseline, "ablation"), theirs)
    zero = torch.zeros_like(baseline)
    theirs = of_captum(attr.InputXGradient, reader, x)
    torch.testing.assert_close(attribute(reader, x, zero, "gradient_input"), theirs)


@pytest.mark.parametrize("method", EXACT)
def test_cells_add_up(problem, method):
    reader, x, baseline = problem
    together = attribute(reader, x, baseline, method)
    one_by_one = sum(attribute(reader, x[:, [i]], baseline, method) for i in range(N_CELLS))
    torch.testing.assert_close(together, one_by_one)
    some = torch.tensor([3, 1])
    torch.testing.assert_close(attribute(reader.only(some), x, baseline, method), together[some])
    rows = torch.linspace(-1, 1, 2 * N_LATENT, dtype=x.dtype).reshape(2, N_LATENT)
    torch.testing.assert_close(attribute(reader.only(rows), x, baseline, method), rows @ together)
    # a cell at its baseline has nothing to explain
    assert not attribute(reader, x[:, [0]], x[:, [0]], method).abs().max() > 1e-12


def test_a_baseline_for_each_cell(problem):
    reader, x, baseline = problem
    for method in ("integrated_gradients", "gradient_input", "ablation"):
        together = attribute(reader, x, baseline, method)
        torch.testing.assert_close(attribute(reader, x, baseline.repeat(1, N_CELLS), method), together)


def test_over_cells_is_the_mean_over_baselines(problem):
    reader, x, _ = problem
    baselines = x.flip(1)[:, :4]
    for method, single in {"expected_gradients": "integrated_gradients", "permutation": "ablation"}.items():
        mean = sum(attribute(reader, x, baselines[:, [i]], single) for i in range(4)) / 4
        torch.testing.assert_close(attribute(reader, x, baselines, method), mean)
    change = (reader(x).mean(1) - reader(baselines).mean(1)) * N_CELLS
    torch.testing.assert_close(attribute(reader, x, baselines, "expected_gradients").sum(1), change)


@pytest.mark.parametrize("method", ["kernel_shap", "lime", "lrp", "smoothgrad"])
def test_methods_of_captum_on_a_linear_encoder(problem, method):
    """There all methods mean the same: the weight times the difference, or times the input."""
    reader, x, baseline = problem
    linear = Reader(reader.skip, reader.first, reader.bias, torch.zeros_like(reader.last)).only(torch.tensor([0, 2]))
    torch.manual_seed(0)
    found = attribute(linear, x[:, :2], baseline, method)
    difference = x[:, :2] if method == "lrp" else x[:, :2] - baseline
    expected = linear.skip * difference.sum(1)
    tolerance = 0.15 if method == "lime" else 1e-3
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=1e-3)


def test_shapley_values_of_captum_sum_to_the_change(problem):
    reader, x, baseline = problem
    torch.manual_seed(0)
    found = attribute(reader, x[:, :2], baseline, "kernel_shap")
    torch.testing.assert_close(found.sum(1), (reader(x) - reader(baseline))[:, :2].sum(1), atol=1e-2, rtol=1e-2)


# ------------------------------------------------------------------------------------------------- deeper encoders


def test_deeper_encoders_by_quadrature(problem):
    reader, x, baseline = problem
    same = DeepReader(reader.skip, lambda cells: reader.last @ reader.hidden(cells).relu())
    torch.testing.assert_close(same(x), reader(x))
    exact = attribute(reader, x, baseline, "integrated_gradients")
    # slopes jump on the way, so it takes many nodes
    many = path_integrated_gradients(same, x, baseline, n_nodes=2_000)
    torch.testing.assert_close(many, exact, atol=0.01 * float(exact.abs().max()), rtol=0)
    gradient = attribute(reader, x, baseline, "gradient_input")
    torch.testing.assert_close(attribute(same, x, baseline, "gradient_input"), gradient)
    # a smooth network: complete to the precision of the quadrature
    smooth = DeepReader(reader.skip, lambda cells: reader.last @ reader.hidden(cells).tanh())
    rows = torch.linspace(-1, 1, 2 * N_LATENT, dtype=x.dtype).reshape(2, N_LATENT)
    torch.testing.assert_close(smooth.only(rows)(x), rows @ smooth(x))
    smooth = smooth.only(torch.tensor([1, 3]))
    for method, baselines in {"integrated_gradients": baseline, "expected_gradients": x.flip(1)[:, :3]}.items():
        sums = attribute(smooth, x, baselines, method).sum(1)
        change = smooth(x).sum(1) - N_CELLS * smooth(baselines).mean(1)
        torch.testing.assert_close(sums, change, atol=0, rtol=0.01)
    torch.testing.assert_close(smooth.only(torch.tensor([1]))(x), smooth(x)[[1]])
    with pytest.raises(ValueError, match="method='lrp' is not available for this encoder"):
        attribute(smooth, x, baseline, "lrp")


def test_a_unit_whose_input_stays_has_the_slope_of_its_place():
    """No change of the input along the path, though genes change: slope 1 where the unit is on."""
    reader = Reader(torch.zeros(1, 2), torch.tensor([[1.0, -1.0]]), torch.tensor([0.5]), torch.ones(1, 1))
    result = attribute(reader, torch.ones(2, 1), torch.zeros(2, 1), "integrated_gradients")
    torch.testing.assert_close(result, torch.tensor([[1.0, -1.0]]))
