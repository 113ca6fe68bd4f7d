"""Draw every figure once and write the page that shows them: ``python docs/make_gallery.py``.

The page is made of the texts below alone, and the code that it shows is the code that drew the figures. The data are
embedded or simulated, so that nothing is downloaded.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
PAGE, FOLDER = HERE / "gallery.md", HERE / "_static" / "gallery"
# dots per inch, and number of colours of a picture
DPI, COLOURS = 90, 256

HEAD = """\
# Gallery

All figures of crystallin, each with the line that draws it. They are Axes of matplotlib: pass `ax=` to place them in a
figure of your own, and change or save them as usual. `python docs/make_gallery.py` makes this page.

Most figures show 700 blood cells, which come with the package. Those that need donors show simulated cells: two arms of
six donors, each sampled before and after.
"""

PREPARE = """\
import crystallin as cr

adata = cr.datasets.pbmc68k()
model = cr.fit(adata, "immune", layer="counts", min_genes=3, n_unannotated=1, max_epochs=40)
cr.tl.annotate(adata, model, "louvain")
cr.tl.rules(adata, "bulk_labels")
cr.tl.rank_programs_groups(adata, model, "bulk_labels")
cr.tl.attributions(adata, model, groupby="bulk_labels")
cr.tl.attribution_agreement(adata, model, "bulk_labels", programs=["B cell", "NK cell"])
cr.tl.programs_overview(adata, model, "bulk_labels")
cr.tl.contrast(adata, model, "B cell", groupby="bulk_labels", group="CD19+ B")
cr.pp.screen_programs(adata, layer="counts", within="bulk_labels")
cr.tl.audit_programs(adata, model)
cr.map(adata, "pbmc", layer="counts", groupby="louvain", key_added="blood")

study = cr.datasets.simulate(
    2000,
    300,
    n_programs=12,
    n_decoys=4,
    n_cell_types=3,
    n_donors=12,
    shift=(0.5, 1.5),
    n_shifted=3,
    n_interacting=2,
    conditions=("before", "after"),
    arms=("placebo", "drug"),
)
trained = cr.fit(study, study.uns["simulation"]["annotation"], max_epochs=30)
response = {"arm": ("placebo", "drug"), "condition": ("before", "after")}
cr.tl.compare(study, trained, "~ arm * condition", contrast=response, sample_key="donor", within="cell_type")
cr.tl.rank_programs_groups(study, trained, "condition", sample_key="donor", within="cell_type", reference="before")
"""


class Entry(NamedTuple):
    """A figure: the line that draws it, and what it shows."""

    code: str
    words: str

    @property
    def function(self) -> str:
        """Name of the function in ``crystallin.pl``."""
        return re.match(r"cr\.pl\.(\w+)\(", self.code)[1]


SECTIONS = {
    "Activities": [
        Entry(
            'cr.pl.dotplot(adata, "bulk_labels")', "Mean activity of groups, and how many of their cells are active."
        ),
        Entry(
            'cr.pl.matrixplot(adata, ["bulk_labels", "phase"], {"T and NK": ["T cell", "NK cell"], "B": "B cell"})',
            "The same as a matrix, here for all combinations of two columns and with headings.",
        ),
        Entry('cr.pl.violin(adata, "Cytotoxicity", "bulk_labels", sort="mean")', "Distribution of cells by group."),
        Entry(
            'cr.pl.violin(study, ["program_008", "program_005"], "cell_type", split="condition", sample_key="donor")',
            "Two conditions side by side, for several programs, with donors as units.",
        ),
        Entry(
            'cr.pl.embedding(adata, ["B cell", "Cytotoxicity"])',
            "Activities on an embedding; the more uncertain a cell, the greyer it is.",
        ),
    ],
    "Names and rules": [
        Entry("cr.pl.annotation(adata)", "Which label fits which cluster, and how well."),
        Entry("cr.pl.rules(adata)", "Readable rules, with precision and recall on held-out cells."),
    ],
    "Programs and their genes": [
        Entry('cr.pl.loadings(adata, ["B cell", "NK cell"])', "The genes with the largest loadings."),
        Entry('cr.pl.network(adata, "Memory CD8 T cell")', "A program, its relatives and the genes that they share."),
        Entry('cr.pl.program(adata, "B cell", "bulk_labels")', "One program on one page."),
        Entry("cr.pl.screen_programs(adata, n_programs=15)", "Which programs are awake, before any training."),
        Entry(
            'cr.pl.audit(adata, "Memory CD4 T cell")',
            "Members that do not follow their program, and genes that move with it.",
        ),
        Entry("cr.pl.history(model)", "The course of training."),
    ],
    "Attributions": [
        Entry('cr.pl.attributions(adata, "B cell")', "How much each gene contributes to an activity, by group."),
        Entry('cr.pl.waterfall(adata, "B cell", group="CD19+ B")', "The activity of one group, gene by gene."),
        Entry("cr.pl.contrast(adata)", "The difference between two groups, gene by gene."),
        Entry("cr.pl.agreement(adata)", "Whether methods of attribution agree."),
    ],
    "Differences": [
        Entry(
            'cr.pl.rank_programs_groups(adata, ["CD19+ B", "CD56+ NK"])', "Programs that differ, with their intervals."
        ),
        Entry('cr.pl.volcano(adata, "CD19+ B")', "All programs of one comparison."),
        Entry("cr.pl.effects(adata)", "All comparisons at once."),
        Entry('cr.pl.compare(study, "program_011", stratum="type_02")', "The samples behind a comparison."),
        Entry('cr.pl.forest(study, "program_011")', "One program in each cell type."),
        Entry(
            "cr.pl.power(cr.power(effect=0.4, n_donors=range(6, 41, 2), n_cells=[20, 200], sample_sd=0.25, cell_sd=1))",
            "How many donors a study needs.",
        ),
    ],
    "Other people's data": [
        Entry(
            'cr.pl.map(adata, key="blood")', "Cells mapped with a model that was trained on others, and the verdicts."
        ),
    ],
}


def files() -> dict[str, Entry]:
    """Return all figures by the names of their files; further ones of a function are numbered."""
    found: dict[str, Entry] = {}
    for entry in (entry for section in SECTIONS.values() for entry in section):
        n = sum(other.function == entry.function for other in found.values())
        found[f"{entry.function}{f'-{n + 1}' if n else ''}.png"] = entry
    return found


def page() -> str:
    """Return the text of the page."""
    names = {entry: name for name, entry in files().items()}
    parts = [HEAD]
    for title, section in SECTIONS.items():
        parts.append(f"## {title}\n")
        for entry in section:
            function = f"{{func}}`pl.{entry.function} <crystallin.pl.{entry.function}>`"
            parts += [f"{function}: {entry.words}\n", f"```python\n{entry.code}\n```\n"]
            parts.append(f"![{entry.words}](_static/gallery/{names[entry]})\n")
    parts.append(f"## What was computed before\n\n```python\n{PREPARE}```\n")
    return "\n".join(parts)


def draw(entry: Entry, path: Path, names: dict[str, Any]) -> None:
    """Run the line of a figure and save what it drew as a small picture."""
    import matplotlib.pyplot as plt
    from PIL import Image

    exec(entry.code, names)
    raw = io.BytesIO()
    plt.gcf().savefig(raw, dpi=DPI, bbox_inches="tight", facecolor="white")
    plt.close("all")
    Image.open(raw).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Draw all figures and write the page."""
    import matplotlib as mpl

    mpl.use("agg")
    names: dict[str, Any] = {}
    exec(PREPARE, names)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, entry in files().items():
        draw(entry, FOLDER / name, names)
    for path in FOLDER.glob("*.png"):
        if path.name not in files():
            path.unlink()
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
