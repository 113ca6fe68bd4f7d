"""Names of gene sets as people write them: acronyms and gene symbols keep their case, words lose it."""

from __future__ import annotations

import re

# collections whose names are in capitals with underscores, as figures call them
COLLECTIONS = {name: name for name in ("BIOCARTA", "GOBP", "GOCC", "GOMF", "HP", "KEGG", "PID", "WP")}
COLLECTIONS |= {"HALLMARK": "Hallmark", "REACTOME": "Reactome"}
SET_NAME = re.compile(rf"({'|'.join(COLLECTIONS)})((?:_[A-Z0-9]+)+)(?![A-Za-z0-9])")
# up to this number of letters, what is not a known word is an acronym or a gene symbol
MAX_ACRONYM = 4
WORDS = frozenset(
    "acid acts acyl amid an and anti are area arms aryl as at axon base beta bile bind body bond bone both box "
    "bud by cell cis clot co cone core cycle de dead diet dual duct due down drug early egg end ends exit eye fast "
    "fat fate fear fiber flow foci for free from gap gate gene germ gut hair head hear heat heme high home host "
    "into in ion ions iron is its key lack late lead left leg life like limb lipid load long loop loss low lung "
    "main male many mass mode near neck new non not novo of off on one only onto open or oral our out over own "
    "pain part path per plug poor pore post pre rate rich ring rod rods role root salt sex side sign site size "
    "skin slow stem step stop tag tail take tear term that the them time tip to tone tooth top two type up upon "
    "urea use used very via wall wave wax well when with zinc zona zone".split()
)
# longer acronyms, in addition to those with a digit or without a vowel
ACRONYMS = frozenset(
    "ABCA ADAMTS APOBEC ARNTL AURKA AURKB BRCA CAMKII CAMKIV CAMKK CENPA CHREBP COPII CREBBP CYSLTR DARPP DREAM "
    "EGFRVIII EPCAM ERBB ESBAF ESCRT FASTK FCERI GABAA HCMV HDACS HOXA IFNAR IFNGR IGFBPS IKBKE IQGAPS MAPKAPK "
    "MAPKK MAPKS MASTL NADPH NANOG NCBAF NFKAPPAB NMDARS NPBAF NRAGE NRCAM NTRKS PDGFA PDGFR PDGFRA PDGFRB "
    "PIKFYVE PKMTS PPARA PPARG PRKCZ RAPGEF ROBOS ROCKS RUNX SMADS SNARE SREBF SREBP STING TNFSF TRAIL UPRMT "
    "VEGFA VEGFR VENTX VLDLR XIAP".split()
)
# what is written in another way
SPELLED = {
    "ATPASE": "ATPase", "ATPASES": "ATPases", "BBSOME": "BBSome", "CAMP": "cAMP", "CGMP": "cGMP", "COV": "CoV",
    "DN": "down", "GTPASE": "GTPase", "GTPASES": "GTPases", "HEDGEHOG": "Hedgehog", "HIPPO": "Hippo",
    "KAPPAB": "kappaB", "MIRNA": "miRNA", "MRNA": "mRNA", "MRNAS": "mRNAs", "MTOR": "mTOR", "MTORC1": "mTORC1",
    "MTORC2": "mTORC2", "NOTCH": "Notch", "P38": "p38", "P53": "p53", "PIRNA": "piRNA", "PIRNAS": "piRNAs",
    "RRNA": "rRNA", "SIRNA": "siRNA", "SNRNA": "snRNA", "SNRNP": "snRNP", "TOLL": "Toll", "TREG": "Treg",
    "TREGS": "Tregs", "TRNA": "tRNA",
}  # fmt: skip
# joined by a hyphen to a number that follows, as in PD-1
HYPHENATED = frozenset(["AP", "BCL", "COV", "CTLA", "HIF", "HIV", "IL", "LAG", "PD", "TIM"])
PAIRS = frozenset([("SARS", "COV"), ("NF", "KB"), ("NF", "KAPPAB")])
# a letter A after one of these is an article
BEFORE_ARTICLE = frozenset(["AND", "AS", "BETWEEN", "BY", "FOR", "FROM", "IN", "INTO", "OF", "ON", "TO", "VIA", "WITH"])


def readable(name: str) -> str:
    """Return a name without underscores; names of large collections lose the capitals of their ordinary words.

    ``"HALLMARK_IL6_JAK_STAT3_SIGNALING"`` is ``"Hallmark IL6 JAK STAT3 signaling"``, and ``"REACTOME_PD_1_SIGNALING"``
    is ``"Reactome PD-1 signaling"``. Other names keep their case.
    """
    return SET_NAME.sub(lambda found: f"{COLLECTIONS[found[1]]}{_words(found[2])}", name, count=1).replace("_", " ")


def _words(text: str) -> str:
    """Return ``"_PD_1_SIGNALING"`` as ``" PD-1 signaling"``."""
    tokens = text.split("_")
    said = ""
    for before, token in zip(tokens, tokens[1:], strict=False):
        joint = "-" if (token.isdigit() and before in HYPHENATED) or (before, token) in PAIRS else " "
        said += joint + ("a" if token == "A" and before in BEFORE_ARTICLE else _spelled(token))
    return said


def _spelled(token: str) -> str:
    if token in SPELLED:
        return SPELLED[token]
    is_symbol = any(letter.isdigit() for letter in token) or token in ACRONYMS or not set(token) & set("AEIOUY")
    is_short = len(token) <= MAX_ACRONYM and token.lower() not in WORDS
    return token if is_symbol or is_short else token.lower()
