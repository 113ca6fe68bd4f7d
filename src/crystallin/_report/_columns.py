"""Explanations of the columns of tables, one sentence each, for readers who do not know crystallin."""

from __future__ import annotations

COLUMNS = {
    # programs
    "n_genes": "Number of genes in the gene set.",
    "n_present": "Number of these genes that are in the data.",
    "coverage": "Share of the set's genes that are in the data. If it is low, the activity represents only part of it.",
    "missing": "Genes of the set that are not in the data.",
    "signed": "Whether the set says for each gene if it goes up or down with the program.",
    "kept": "Whether the set became a program of the model.",
    "reason": (
        "Why there is no result here: why a set was left out, why its missing genes were not looked for, why a cluster "
        "has no label, or why it has no rule. Empty where there is one."
    ),
    "reliability": (
        "Share of the activity's variance that is determined by the counts (1: completely, 0: not at all). Programs "
        "below .1 are not tested for differences."
    ),
    "leakage": (
        "Share of the attributions that falls on genes outside the program. There are two sources: programs overlap, "
        "and rates are relative to the cell's total."
    ),
    "leakage_encoder": "Leakage of the encoder's mean, before refinement.",
    "importance": "Contribution of the program to the fit: gain in log-likelihood, in nats per cell.",
    "share": "Share in the gain in log-likelihood of all programs and decoys.",
    "family": (
        "Programs that share genes or that the data can hardly distinguish, by the name of the most typical one. "
        "Interpret the programs of a family together."
    ),
    "nearest_twin": "The program that is most similar to this one.",
    "twin_similarity": "Similarity to the nearest twin, 0 to 1.",
    "variance_inflation": "Factor by which other programs that explain the same counts increase the variance; 1: none.",
    # free programs
    "n_loadings": "Number of genes with a loading.",
    "hint": "Of the gene sets that are not awake in these cells, the one in which the typical genes are most enriched.",
    "hint_q": "Expected share of false hints among all that are at least as certain.",
    # differences
    "total_effect": (
        "Difference of the mean total activity: what the genes of the set do, whichever programs explain it. Columns "
        "without total_ are of what the program explains beside all other programs."
    ),
    "total_se": "Standard error of the total effect.",
    "total_lower": "Lower end of the 95 % interval of the total effect.",
    "total_upper": "Upper end of the 95 % interval of the total effect.",
    "total_effect_sd": "The total effect in pooled standard deviations between cells.",
    "total_p": "As p, of the total activity.",
    "total_probability": "As probability, of the total activity.",
    "total_q": "As q, of the total activity.",
    "total_q_all": "As q_all, of the total activity.",
    "total_p_exact": "As p_exact, of the total activity.",
    "total_effect_min": "As effect_min, of the total activity.",
    "total_effect_max": "As effect_max, of the total activity.",
    "total_most_influential": "As most_influential, of the total activity.",
    "total_detectable": "As detectable, of the total activity.",
    "total_sample_sd": "As sample_sd, of the total activity.",
    "total_cell_sd": "As cell_sd, of the total activity.",
    "total_decoy_q": "As decoy_q, of the total activity.",
    "total_reliability": "As reliability, of the total activity.",
    "total_breadth": (
        "Effective number of the set's genes that contribute to the difference of the total activity; near 1, it is a "
        "single gene."
    ),
    "opposed": "Whether the two readings surely differ in opposite directions (both 95 % intervals exclude 0).",
    "explained_by": (
        "Other programs that account for the difference between the two readings. Empty: the program itself accounts "
        "for most of its total, or neither reading surely differs. Free programs are named by a number and their most "
        "typical genes."
    ),
    "call": (
        "The decision: up or down if all tests of the difference agree at the level of .05 (q, decoy_q with decoys, "
        "conditional_q, and share_of_fits of an ensemble). Empty: not called."
    ),
    "not_called": "Why a difference is not called: the first of these tests that it fails.",
    "total_call": "As call, of the total activity, which has no conditional_q.",
    "total_not_called": "As not_called, of the total activity.",
    "effect": "Difference of mean activity from the reference, in prior standard deviations, corrected for shrinkage.",
    "se": "Standard error of the effect.",
    "lower": "Lower end of the 95 % interval.",
    "upper": "Upper end of the 95 % interval.",
    "unit": (
        "The unit of observation: samples, or cells. Cells are not replicates: results on cells describe these cells, "
        "and not the donors or the condition that they come from."
    ),
    "effect_sd": "The effect in pooled standard deviations between cells.",
    "statistic": "Effect divided by its standard error.",
    "p": "Probability of a difference of this size or larger by chance alone.",
    "q": (
        "Expected share of false positives among all differences, suggested genes or verdicts that are at least as "
        "certain. Empty: not tested."
    ),
    "probability": "Probability that the difference has this sign and is larger than the smallest size of interest.",
    "decoy_q": (
        "Share of false positives estimated from decoys (random sets of genes). If q is small and decoy_q is not, "
        "random sets differ as well. Empty without decoys."
    ),
    "conditional_effect": "Part of the difference that remains given all programs of higher reliability.",
    "conditional_se": "Standard error of the conditional effect.",
    "conditional_q": "q of the conditional effect; large if programs of higher reliability explain the difference.",
    "overlap": "Probability that a random cell of the group is above one of the reference; .5: no difference.",
    "mean_group": "Mean in the group.",
    "mean_reference": "Mean in the reference.",
    "lead": "Whether the program is the most certain of its family in this comparison.",
    "breadth": "Effective number of the program's genes that carry the difference; near 1, it is a single gene.",
    "added_share": "Share of this difference that is due to members that were added to the gene set.",
    "n_group": "Number of cells in the group.",
    "n_reference": "Number of cells in the reference.",
    "n_samples_group": "Number of samples (donors, animals) in the group.",
    "n_samples_reference": "Number of samples in the reference.",
    "df": "Degrees of freedom of the statistic.",
    "df_residual": "Degrees of freedom that come from the samples; the rest is borrowed from further programs.",
    "q_all": "q over the programs of all comparisons.",
    "p_exact": "Share of all rearrangements of the samples with a difference that is at least as clear.",
    "effect_min": "Smallest effect when each sample in turn is left out.",
    "effect_max": "Largest effect when each sample in turn is left out.",
    "most_influential": "The sample whose removal changes the effect most.",
    "detectable": "The smallest difference that would have been found with a probability of .8.",
    "sample_sd": "How much samples differ beside the sampling of cells, as a standard deviation.",
    "cell_sd": "How much cells of a sample differ, as a standard deviation.",
    "design_variance": "Variance of the effect, if that of each sample's mean were 1.",
    "contrast": "What is compared.",
    "n_cells": "Number of cells.",
    "n_donors": "Number of donors.",
    "repeated": "How donors with several samples enter the model: as blocks or by a random intercept.",
    # genes
    "attribution": "How much the counts of this gene raise or lower the activity of the program, in units of activity.",
    "member": "Whether the gene is a member of the program.",
    "rank": "Rank by absolute value.",
    "loading": "Change of the gene's log rate per unit of activity.",
    "prior": "Weight of the gene in the gene set.",
    "added": "Whether the gene is not in the gene set but was added to it, because it moves with the program.",
    "n_added": "Number of genes that were added to the program.",
    "leakage_added": "Share of the activity that comes from genes that were added to the program.",
    "contribution": "Contribution of the gene to the difference of mean activity; contributions sum to it.",
    # members and missing genes
    "kind": "Whether the gene is a member of the set or missing from it.",
    "verdict": (
        "Of members: kept, silent (too few counts to say) or contradicts (counts enough, and the gene does not follow "
        "the program). Of missing genes: suggested, or possible (near a suggestion). Of groups of a mapped query: like "
        "the reference, shifted, new (as far from every label as labels are from each other), or too few cells."
    ),
    "sd": "Standard deviation of the loading.",
    "ratio": "Loading divided by the typical loading of the program's members.",
    "replicated": "Whether the loading has the right sign in each of two halves of the cells, or of the samples.",
    "n_samples": "Number of samples with enough cells. 0: samples were not named.",
    "n_agree": "Number of these samples in which the loading has the same sign.",
    "degree": "Number of gene sets that the gene is in.",
    "expression": "Mean count of the gene per cell.",
    "competitor": "Another program that the same gene moves with nearly as clearly. Empty: none.",
    "in_panel": "Whether the model was trained on the gene.",
    "weight": "Direction of the gene in a completed set: 1 up with the program, -1 down.",
    "n_members": "Number of members of the set in the data.",
    "n_kept": "Number of members that follow the program.",
    "n_silent": "Number of members that the data cannot judge.",
    "n_contradicts": "Number of members with enough counts that do not follow the program.",
    "n_suggested": "Number of genes that are suggested for the set.",
    "typical_loading": "Median loading of the members.",
    # several methods
    "rbo": "Rank-biased overlap of the two methods' rankings of genes: 0, no gene in common; 1, the same order.",
    "kendall": "Kendall's tau of the two methods' attributions among their top genes, -1 to 1.",
    "n_methods": "Number of methods that have the gene among their top genes.",
    "deletion": "Share of the activity that remains without the method's top genes. Lower is better.",
    "insertion": "Share of the activity that these genes alone produce. Higher is better.",
    "infidelity": "Error of sums of attributions as predictions of the change of the activity; 0 is best.",
    # silenced
    "before": "Mean before silencing.",
    "after": "Mean after silencing.",
    "change": "Mean after silencing minus mean before.",
    "null_mean": "Mean change when the same number of random genes of similar expression are silenced.",
    "null_sd": "Standard deviation of the changes for random genes.",
    "z": "Distance of the change from the mean change for random genes, in their standard deviations.",
    "log2_fold_change": "Logarithm (base 2) of the ratio of expected expression.",
    "interaction": "Joint contribution of two genes to the encoder's mean, beyond that of each gene alone.",
    # clusters
    "highest_in": "The cluster with the highest mean activity.",
    "label": (
        "Name of the cluster, from programs that are cell types. Of a mapped query: the label of the reference that is "
        "nearest."
    ),
    "path": "The label and all coarser ones.",
    "score": (
        "For a label: activity of its program above clusters where it is off, in standard deviations between cells. "
        "For a missing gene: by how many standard deviations its loading exceeds the smallest one of a suggestion."
    ),
    "second": "The best label that is neither coarser nor finer.",
    "margin": "Score of the label minus that of the second label.",
    "support": "For a label: share of its genes that agree with it. For a rule: share of held-out cells that it picks.",
    "stability": (
        "How often the label, or the terms of the rule, stay the same when cells are resampled. For a suggested gene: "
        "share of refits in which it is found; empty if there were none. For a program: mean correlation of its "
        "activity with that of other fits."
    ),
    "total_stability": "Mean correlation of the program's total activity with that of other fits.",
    "loadings_stability": "Mean cosine between the program's loadings and those of other fits; 1: the same.",
    "share_of_fits": "Share of the fits that say the same: call the difference (q at most .05), or give this label.",
    "sign_agreement": "Share of the other fits in which the difference has the same direction.",
    "fit_sd": "How much the effect differs between fits, as a standard deviation.",
    "total_share_of_fits": "As share_of_fits, of the total activity.",
    "total_sign_agreement": "As sign_agreement, of the total activity.",
    "total_fit_sd": "As fit_sd, of the total activity.",
    "precision": "Share of the cells picked by the rule that belong to the cluster.",
    "recall": "Share of the cluster's cells that are picked by the rule.",
    "no_rule": "Why the cluster has no rule. Empty where it has one.",
    "prevalence": "Share of held-out cells that belong to the cluster: the precision of a rule without information.",
    "gain": (
        "How far the precision (the lower end of its interval) is on the way from prevalence (0) to a perfect rule (1)."
    ),
    "f1": "Harmonic mean of precision and recall.",
    "certainty": "Mean posterior probability that a picked cell meets the rule.",
    "recurrence": "Share of bootstraps with the term.",
    "cells": "Number of cells.",
    "top_programs": "The most certain programs that are higher in this cluster than elsewhere.",
    # a mapped query
    "label_share": "Share of the group's cells that are nearest to the label.",
    "unlike": "Share of the group's cells with a p-value below .05; of cells like the reference's, .05 is expected.",
    "unlike_limit": "Share of unlike cells below which a group is like the reference.",
    "distance": "Distance of the group's mean from that of the label, in standard deviations of the label's cells.",
    "own_distance": "The distance without what most groups of the query have in common, such as another protocol.",
    "limit": "Distance below which a group is like the reference: 95 % of groups in new samples are nearer.",
    "far": "Distance that another label of the reference would typically have in a new sample.",
    "batch_shift": "How much genes differ from the reference beside what programs explain (sd of log rates).",
    "batch_limit": "Three times the largest such shift of a held-out sample.",
    "moved": "Programs that differ most from the label, with the difference in standard deviations of cells.",
}
