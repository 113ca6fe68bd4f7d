"""Names of gene sets in figures: words lose their capitals, acronyms and gene symbols keep them."""

import pytest

from crystallin.pl._names import readable


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("HALLMARK_IL6_JAK_STAT3_SIGNALING", "Hallmark IL6 JAK STAT3 signaling"),
        ("REACTOME_PD_1_SIGNALING", "Reactome PD-1 signaling"),
        ("REACTOME_DOWNSTREAM_TCR_SIGNALING", "Reactome downstream TCR signaling"),
        ("HALLMARK_TNFA_SIGNALING_VIA_NFKB", "Hallmark TNFA signaling via NFKB"),
        ("HALLMARK_PI3K_AKT_MTOR_SIGNALING", "Hallmark PI3K AKT mTOR signaling"),
        ("HALLMARK_UV_RESPONSE_DN", "Hallmark UV response down"),
        ("HALLMARK_P53_PATHWAY", "Hallmark p53 pathway"),
        ("REACTOME_SARS_COV_2_HOST_INTERACTIONS", "Reactome SARS-CoV-2 host interactions"),
        ("REACTOME_RHO_GTPASE_CYCLE", "Reactome RHO GTPase cycle"),
        ("GOBP_T_CELL_ACTIVATION", "GOBP T cell activation"),
        ("GOBP_RESPONSE_TO_TYPE_I_INTERFERON", "GOBP response to type I interferon"),
        ("GOBP_RESPONSE_TO_A_DRUG", "GOBP response to a drug"),
        ("REACTOME_VITAMIN_A_UPTAKE", "Reactome vitamin A uptake"),
        # only the name of the set, and not what stands beside it
        ("HALLMARK_HYPOXIA: CD14_MONO CELLS", "Hallmark hypoxia: CD14 MONO CELLS"),
    ],
)
def test_names_of_collections(name, said):
    assert readable(name) == said


@pytest.mark.parametrize("name", ["NK CELLS", "Type I interferon response", "TCR", "PD-1", "HALLMARK", "hallmark of X"])
def test_other_names_keep_their_case(name):
    assert readable(name) == name
    assert readable("NK_CELLS") == "NK CELLS" and readable("HALLMARK_Mine_TCR") == "HALLMARK Mine TCR"


def test_no_word_is_lost():
    name = "REACTOME_IMMUNOREGULATORY_INTERACTIONS_BETWEEN_A_LYMPHOID_AND_A_NON_LYMPHOID_CELL"
    assert readable(name).upper().replace(" ", "_") == name
