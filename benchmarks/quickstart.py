"""How long the README's quickstart takes, from nothing to the report.

python benchmarks/quickstart.py [--quick]

Runs the Python of the README, block by block, in a new process, as a new user would. The yardstick is what scanpy's own
usual steps (PCA, neighbours, UMAP) take on the same cells in the same process.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from _common import ROOT, parser, versions, write

# prints the seconds of each line that takes a moment, and of scanpy's steps at the end
RUNNER = """
import ast, json, sys, time, warnings
start = time.perf_counter()
import matplotlib
matplotlib.use("agg")
warnings.simplefilter("ignore")
blocks, names, took = json.loads(sys.argv[1]), {}, []
for block in blocks:
    for node in ast.parse(block).body:
        code = compile(ast.Module([node], []), "README.md", "exec")
        begin = time.perf_counter()
        exec(code, names)
        took.append([ast.unparse(node), time.perf_counter() - begin])
        import matplotlib.pyplot as plt
        plt.close("all")
total = time.perf_counter() - start
sc, adata = names["sc"], names["adata"].copy()
begin = time.perf_counter()
sc.pp.pca(adata)
sc.pp.neighbors(adata)
sc.tl.umap(adata)
scanpy = time.perf_counter() - begin
print("RESULT" + json.dumps({"seconds": total, "steps": took, "scanpy_seconds": scanpy}))
"""


def blocks(quick: bool) -> list[str]:
    """The Python of the README's quickstart; with ``quick`` the first block only."""
    text = (ROOT / "README.md").read_text().split("## Quickstart")[1].split("\n## ")[0]
    found = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return found[:1] if quick else found


def main() -> None:
    args = parser("quickstart").parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", RUNNER, json.dumps(blocks(args.quick))]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr[-3000:])
        result = json.loads(done.stdout.rsplit("RESULT", 1)[1])
        result["report_bytes"] = (Path(folder) / "report.html").stat().st_size
    result["steps"] = sorted(result["steps"], key=lambda step: -step[1])[:8]
    result |= {"cores": os.cpu_count(), "versions": versions("torch", "scvi-tools", "scanpy")}
    print(json.dumps(result, indent=1))
    write(result, "quickstart", args)


if __name__ == "__main__":
    main()
