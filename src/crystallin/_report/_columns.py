"""What the columns of the tables mean, in a sentence for readers who have not met crystallin."""

from __future__ import annotations

COLUMNS = {
    # programs
    "n_genes": "Genes in the set as it was given.",
    "n_present": "How many of them the data have.",
    "coverage": "Share of the set's genes that the data have. If it is low, the activity speaks for a part of it.",
    "missing": "Genes of the set that the data lack.",
    "signed": "Whether the set says of each gene if it goes up or down with the program.",
    "kept": "Whether the set became a program of the model.",
    "reason": "Why a set was left out.",
    "reliability": (
        "Share of the activity's variance that the counts tell (1: known exactly, 0: nothing is known). Programs below "
        ".1 are not tested for differences."
    ),
    "leakage": (
        "Share of what the activity is read from that lies on genes outside the program: because of programs that "
        "overlap, and because rates are relative to the cell's total."
    ),
    "leakage_encoder": "The same of the encoder's first guess, before refinement.",
    "importance": "What the program adds to the fit: gain in log-likelihood, in nats per cell.",
    "share": "Share of the gain in log-likelihood by all programs and decoys.",
    "family": (
        "Programs that share genes or that the data hardly tell apart, by the name of the most typical. Read those of "
        "a family together."
    ),
    "nearest_twin": "The program most like this one.",
    "twin_similarity": "How much alike they are, 0 to 1.",
    "variance_inflation": "How much less is known of the activity because other programs could stand for it; 1: none.",
    # differences
    "effect": "Difference of mean activity from the reference, in prior standard deviations, freed from shrinkage.",
    "se": "Standard error of the effect.",
    "lower": "Lower end of the 95 % interval.",
    "upper": "Upper end of the 95 % interval.",
    "effect_sd": "The effect in pooled standard deviations between cells.",
    "statistic": "Effect over its standard error.",
    "p": "Probability of such a value by chance alone.",
    "q": "Expected share of false ones among all that are at least as sure. Empty: not tested.",
    "probability": "Probability that the difference is on its side and larger than is of interest.",
    "decoy_q": (
        "The share of false ones judged by decoys, random sets of genes: where q is small and decoy q is not, random "
        "sets differ as well. Empty without decoys."
    ),
    "conditional_effect": "What remains of the difference given all programs that are known better.",
    "conditional_se": "Standard error of the conditional effect.",
    "conditional_q": "q of the conditional effect: large where better known programs explain the difference.",
    "overlap": "Probability that a random cell of the group is above one of the reference; .5: no difference.",
    "mean_group": "Mean in the group.",
    "mean_reference": "Mean in the reference.",
    "lead": "Whether it is the surest of its family in this comparison.",
    "breadth": "Effective number of the program's genes that carry the difference; near 1, one gene speaks.",
    "n_group": "Cells in the group.",
    "n_reference": "Cells in the reference.",
    "n_samples_group": "Samples (donors, animals) in the group.",
    "n_samples_reference": "Samples in the reference.",
    "df": "Degrees of freedom of the statistic.",
    # genes
    "attribution": "How much the counts of this gene raise or lower the activity of the program, in units of activity.",
    "member": "Whether the gene is one of the program's.",
    "rank": "Place by absolute size.",
    "loading": "Change of the gene's log rate per unit of activity.",
    "prior": "Weight of the gene in the set as it was given.",
    "contribution": "What the gene adds to the difference of mean activity; contributions sum to it.",
    # several methods
    "rbo": "Rank-biased overlap of the two methods' rankings of genes: 0, no gene in common; 1, the same order.",
    "kendall": "Kendall's tau of the two methods' attributions among their top genes, -1 to 1.",
    "n_methods": "Number of methods that have the gene among their top genes.",
    "deletion": "Share of the activity that is left without the method's first genes. Lower is better.",
    "insertion": "Share of the activity that these genes alone bring. Higher is better.",
    "infidelity": "By how much sums of attributions miss the change of the activity; 0 is best.",
    # silenced
    "before": "Mean before silencing.",
    "after": "Mean after silencing.",
    "change": "After less before.",
    "null_mean": "Mean change when as many random genes of similar expression are silenced.",
    "null_sd": "Standard deviation of such changes.",
    "z": "The change among changes by random genes, in their standard deviations.",
    "log2_fold_change": "Logarithm (base 2) of the ratio of expected expression.",
    "interaction": "What two genes add together beyond what each adds alone, to the encoder's first guess.",
    # clusters
    "highest_in": "The cluster with the highest mean activity.",
    "label": "Name of the cluster, from programs that are cell types.",
    "path": "The label and all coarser ones.",
    "score": "How far the cluster lies above those in which the program is off, in standard deviations over the prior.",
    "second": "The best label that is neither coarser nor finer.",
    "margin": "How far behind the second is.",
    "support": "Of a label: share of its genes that speak for it. Of a rule: share of held-out cells that it picks.",
    "stability": "How often the label, or the terms of the rule, come out the same when cells are drawn again.",
    "precision": "Share of the cells that the rule picks that are of the cluster.",
    "recall": "Share of the cluster's cells that the rule picks.",
    "f1": "Harmonic mean of precision and recall.",
    "certainty": "Mean posterior probability that a picked cell meets the rule.",
    "recurrence": "Share of bootstraps with the term.",
    "cells": "Number of cells.",
    "top_programs": "The surest programs that are higher here than elsewhere.",
}
