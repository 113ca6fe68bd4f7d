"""The model card of an exported model: a page in Markdown, with a header that the Hugging Face Hub reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

HOME = "https://crystallin.readthedocs.io"
TAGS = ("crystallin", "scvi-tools", "single-cell", "gene-programs", "biology", "genomics")
# identifiers that the Hub knows, of licences that are usual for models and data
LICENCES = (
    "apache-2.0",
    "bsd-2-clause",
    "bsd-3-clause",
    "cc-by-4.0",
    "cc-by-nc-4.0",
    "cc-by-nc-sa-4.0",
    "cc-by-sa-4.0",
    "cc0-1.0",
    "gpl-3.0",
    "mit",
)
NOT_STATED = "not stated"


def card_of(described: Mapping[str, Any], name: str, text: str) -> str:
    """Return the page.

    Parameters
    ----------
    described
        Content of ``model.json`` before it is encoded.
    name
        Name of the model.
    text
        Text by the author; may be empty.
    """
    sections = [
        _header(described["licence"]),
        f"# {_line(name.removesuffix('.zip'))}",
        _what(described),
        _use(name),
        _training(described["training"]),
        _programs(described["programs"]),
    ]
    if described["reference"] is not None:
        sections.append(_calibration(described["reference"]))
    if text.strip():
        sections.append(f"## Notes by the author\n\n{text.strip()}")
    return "\n\n".join(sections) + "\n"


def _header(licence: str) -> str:
    known = licence.strip().lower()
    if not known:
        lines = []
    elif known in LICENCES:
        lines = [f"license: {known}"]
    else:
        # text in quotes as in JSON is valid in YAML as well
        lines = ["license: other", f"license_name: {json.dumps(' '.join(licence.split()))}"]
    return "\n".join(["---", *lines, "library_name: crystallin", "tags:", *(f"- {tag}" for tag in TAGS), "---"])


def _what(described: Mapping[str, Any]) -> str:
    programs, training = described["programs"], described["training"]
    n_decoys = sum(program["decoy"] for program in programs)
    decoys = f" and {n_decoys} random sets (decoys) that show what to expect by chance" if n_decoys else ""
    ids = " Identifiers of the genes are stored beside their names." if described["gene_ids"] is not None else ""
    if described["n_reference"] is not None:
        ids += " It was adapted to new batches or categories, while programs and loadings were kept."
    licence = _line(described["licence"]) or NOT_STATED
    versions = ", ".join(f"{package} {version}" for package, version in described["versions"].items())
    return (
        "## What it is\n\n"
        f"A model of [crystallin]({HOME}): a variational autoencoder for single-cell counts whose latent dimensions "
        f"are gene programs. It knows {len(programs) - n_decoys} programs{decoys}, on {training['n_vars']:,} genes, "
        f"and gives each cell an activity of each program with a standard deviation.{ids}\n\n"
        "The files are JSON and safetensors and contain no pickles; reading them runs no code from them.\n\n"
        f"Licence of the model: {licence}. Made with {versions}."
    )


def _use(name: str) -> str:
    source = json.dumps(name, ensure_ascii=False)
    return (
        "## How to use\n\n"
        "```python\n"
        "import crystallin as cr\n\n"
        f"cr.map(adata, {source})  # activities of the programs in your cells\n"
        f"model = cr.load({source})  # the model itself\n"
        "```\n\n"
        "The text is the path of this folder or file; for a model on the Hugging Face Hub it is "
        '`"hf://organisation/name"`.'
    )


def _training(training: Mapping[str, Any]) -> str:
    rows = [
        ("Cells", f"{training['n_obs']:,}"),
        ("Genes", f"{training['n_vars']:,}"),
        ("Epochs", f"{training['epochs']} and {training['posterior_epochs']} on the exact posterior"),
        ("Seed", str(training["seed"])),
    ]
    if training["origin"]:
        rows.append(("Programs from", training["origin"]))
    batches = training["batches"]
    if batches:
        names = batches["names"]
        more = f" and {len(names) - 20} more" if len(names) > 20 else ""
        rows.append(("Batches", f"{len(names)} (column {batches['key']}): {', '.join(names[:20])}{more}"))
    rows += [(f"Last {name}", f"{value:.5g}") for name, value in training["metrics"].items()]
    table = "\n".join(f"| {_line(name)} | {_line(value)} |" for name, value in rows)
    return f"## Training data\n\n| | |\n|---|---|\n{table}"


def _programs(programs: list[dict[str, Any]]) -> str:
    rows = []
    for program in programs:
        if program["decoy"]:
            continue
        reference = ", ".join(part for part in (program["reference"], _link(program["doi"])) if part)
        cells = (
            _line(program["name"]),
            str(program["n_genes"]),
            _line(program["source"]),
            reference if program["doi"] else _line(reference),
            _line(program["licence"]) or NOT_STATED,
        )
        rows.append(f"| {' | '.join(cells)} |")
    head = "| Program | Genes | Source | Reference | Licence of the gene set |\n|---|---|---|---|---|"
    return "\n".join(["## Programs\n", head, *rows])


def _calibration(reference: Mapping[str, Any]) -> str:
    """Say what verdicts rest on; the layout is that of :func:`crystallin.calibrate`."""
    labels = [f"{_line(str(name))} ({n:,})" for name, n in zip(reference["labels"], reference["size"], strict=True)]
    n_samples, n_cells = int(reference["n_samples"]), len(reference["weights"])
    of = "the same samples, held out of the training"
    if n_samples:
        of = f"{n_samples} samples (`{_line(str(reference['sample_key']))}`), each held out in turn"
    return (
        "## Calibration of the verdict\n\n"
        f"Labels of the reference (`{_line(str(reference['groupby']))}`), and numbers of cells: {', '.join(labels)}. "
        f"The median cell has {reference['depth']:,.0f} counts of these genes.\n\n"
        f"p-values and verdicts compare new cells with {n_cells:,} cells of {of}."
    )


def _link(doi: str) -> str:
    return f"[{_line(doi)}](https://doi.org/{_line(doi)})" if doi else ""


def _line(text: str) -> str:
    """Return text for one cell of a table, without characters that would end the cell or begin HTML."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
