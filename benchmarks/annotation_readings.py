"""Which reading should annotation and rules take: what programs explain beside the others, or what their genes do?

    python benchmarks/annotation_readings.py            # writes benchmarks/results/annotation_readings.json
    python benchmarks/annotation_readings.py --quick    # one small data set, writes nothing

The same models, data sets, published labels and groups as in annotation.py; each tool once with ``kind="unique"`` and
once with ``kind="total"``. The choice of the default is made on the data sets that had been looked at before, and the
others (BLIND) say whether it holds.
"""

from __future__ import annotations

import json

import numpy as np
from _common import parser, quiet, versions, write
from _published import immune, of_cells, of_groups, within_reach
from annotation import BLIND, FILES, GROUPINGS, labels_there, prepared, rounded

import crystallin as cr

KINDS = ("unique", "total")


def of_data(name: str, args: object) -> dict:
    sets, parents, names = immune()
    genes = sorted({gene for members in sets.values() for gene in members})
    data = prepared(name, args, genes)
    adata, model = data.trained("immune")
    there = labels_there(adata, names)
    right = within_reach(data.exact, there, parents)
    results: dict = {"cells": adata.n_obs, "labels": len(there)}
    for kind in KINDS:
        found: dict = {}
        for grouping in GROUPINGS:
            cr.tl.annotate(adata, model, grouping, kind=kind, key_added="named")
            label = cr.get.annotation_df(adata, key="named", columns="all").set_index("group")["label"].to_dict()
            member = adata.obs[grouping].astype(str).map(label).to_numpy()
            found[grouping] = of_groups(label, data.right(grouping, there, parents), parents)
            found[grouping]["of_cells"] = of_cells(member, data.published, right, parents)
        cr.tl.rules(adata, "published", kind=kind, key_added="ruled", n_bootstraps=2 if args.quick else 20)
        table = cr.get.rules_df(adata, key="ruled", columns="all")
        precision, recall = table["precision"].fillna(0), table["recall"].fillna(0)
        f1 = 2 * precision * recall / (precision + recall).where(precision + recall > 0, 1)
        found["rules"] = {"precision": rounded(precision.mean()), "recall": rounded(recall.mean())}
        found["rules"] |= {"f1": rounded(float(np.mean(f1))), "terms": rounded(table["n_terms"].mean())}
        results[kind] = found
    return results


def main() -> None:
    args = parser("annotation_readings").parse_args()
    quiet()
    results: dict = {"versions": versions("scvi-tools", "torch"), "blind": BLIND, "data": {}}
    for name in ["pbmc68k"] if args.quick else FILES:
        results["data"][name] = of_data(name, args)
        print(name, json.dumps(results["data"][name]), flush=True)
        write(results, "annotation_readings", args)


if __name__ == "__main__":
    main()
