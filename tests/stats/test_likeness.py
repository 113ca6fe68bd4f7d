import numpy as np
import pytest

from crystallin.stats import likeness, marks

N_GENES = 60
# genes of three labels: of the first type, of the second, and of no type
SETS = np.zeros((N_GENES, 3), dtype=bool)
for label in range(3):
    SETS[10 * label : 10 * (label + 1), label] = True
OWN = np.array([[True, False, False], [False, True, False], [False, False, False]])


@pytest.fixture
def profiles() -> np.ndarray:
    """Three types of cells; the third has no label."""
    level = np.full((3, N_GENES), 1e-4)
    level[0, :10] = level[1, 10:20] = 1e-2
    level[2, 40:50] = 1e-2
    return level / level.sum(axis=1, keepdims=True)


def rates(*levels: np.ndarray) -> np.ndarray:
    level = np.array(levels)
    return level / level.sum(axis=1, keepdims=True)


def test_types_are_like_themselves_and_unlike_others(profiles):
    found = likeness(profiles, profiles, SETS, OWN, OWN)
    # off-levels are means of logarithms, so types with other totals are near 0, not at it
    np.testing.assert_allclose(found.value[:2, :2], np.eye(2), atol=0.02)
    np.testing.assert_array_equal(found.is_alike, OWN[:, :3] & (np.arange(3) < 2))
    np.testing.assert_allclose(found.agreement[:2, :2], np.eye(2))


def test_likeness_is_a_place_between_levels_on_the_log_scale(profiles):
    # half way between low and high in logarithms
    halfway = np.exp((np.log(profiles[0] + 2e-5) + np.log(profiles[1] + 2e-5)) / 2) - 2e-5
    found = likeness(halfway[None], profiles[:2], SETS[:, :2], OWN[:2, :2], OWN[:2, :2])
    np.testing.assert_allclose(found.value, 0.5, atol=1e-6)


def test_scale_of_counts_and_other_groups_do_not_matter(profiles):
    one = likeness(profiles[:1], profiles, SETS, OWN, OWN)
    many = likeness(profiles[[0, 1, 1, 1, 2]], profiles, SETS, OWN, OWN)
    np.testing.assert_array_equal(one.value[0], many.value[0])


def test_one_loud_gene_does_not_make_a_label(profiles):
    loud = np.full(N_GENES, 1e-4)
    loud[0] = 1.0
    found = likeness(rates(loud), profiles, SETS, OWN, OWN)
    assert found.agreement[0, 0] == pytest.approx(0.1)
    assert found.value[0, 0] <= 0.11
    assert not found.is_alike[0, 0]


def test_more_genes_have_to_agree_where_there_are_few(profiles):
    wide = likeness(profiles, profiles, SETS, OWN, OWN).needed[0]
    few = SETS.copy()
    few[4:10, 0] = False
    narrow = likeness(profiles, profiles, few, OWN, OWN).needed[0]
    # equal weights: a quarter and two standard errors of a share of 10, and of 4 genes
    assert wide == pytest.approx(0.25 + 2 * np.sqrt(0.25 * 0.75 / 10), abs=1e-3)
    assert narrow == pytest.approx(0.25 + 2 * np.sqrt(0.25 * 0.75 / 4), abs=1e-3)


def test_labels_without_a_type_have_to_exceed_all_types(profiles):
    higher = profiles[0].copy()
    higher[20:30] *= 20
    found = likeness(rates(profiles[0], profiles[2], higher), profiles, SETS, OWN, OWN)
    assert found.is_alike[:, 2].tolist() == [False, False, True]


def test_two_genes_say_nothing(profiles):
    few = SETS.copy()
    few[2:10, 0] = False
    found = likeness(profiles, profiles, few, OWN, OWN)
    assert np.isnan(found.value[:, 0]).all()
    assert not found.is_alike[:, 0].any()


def test_related_types_do_not_count_as_others(profiles):
    # the third type has the genes of the first label as well, for example a finer type of its lineage
    akin, related = profiles.copy(), OWN.copy()
    akin[2, :10] = akin[0, :10] / 2
    related[0, 2] = True
    alone = likeness(akin[2:], akin, SETS, OWN, OWN).value[0, 0]
    together = likeness(akin[2:], akin, SETS, OWN, related).value[0, 0]
    assert alone < 0.75 < together


def test_sets_mark_the_types_in_which_they_are_high(profiles):
    first = np.array([True, False, False])
    assert marks(profiles, SETS[:, 0], first)
    assert not marks(profiles, SETS[:, 1], first)
    # a quarter of the genes is chance
    partly = SETS[:, 0].copy()
    partly[50:60] = True
    assert marks(profiles, partly, first)
    partly[20:36] = True
    assert not marks(profiles, partly, first)
    two = np.zeros(N_GENES, dtype=bool)
    two[:2] = True
    assert not marks(profiles, two, first)
