"""Execute notebooks from top to bottom, each in a new kernel.

    python notebooks/run.py                          # all, in place
    python notebooks/run.py quickstart --out folder  # some, into another folder

Notebooks are committed with their outputs, so what differs from run to run without meaning anything (times of
execution, the version of Python, progress bars, which appear on slow machines only) is left out.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
# progress bars where ipywidgets is installed
WIDGET = "application/vnd.jupyter.widget-view+json"


def execute(source: Path, out: Path) -> None:
    notebook = nbformat.read(source, as_version=4)
    # no paths of this machine in the notebook: it knows its own folder as "."
    NotebookClient(
        notebook, kernel_name="python3", record_timing=False, timeout=1800, resources={"metadata": {"path": str(out)}}
    ).execute()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
    nbformat.write(notebook, out / source.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="notebooks, without their ending; all if there are none")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to; by default in place")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    # progress bars without ipywidgets, which are text on standard error
    os.environ["TQDM_DISABLE"] = "1"
    names = args.names or sorted(path.stem for path in HERE.glob("*.ipynb"))
    for name in names:
        start = time.perf_counter()
        execute(HERE / f"{name}.ipynb", args.out)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
