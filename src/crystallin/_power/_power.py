"""Power of planned studies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from crystallin import _checks as checks
from crystallin._keys import COMPARE, KINDS

from ._pilot import DESIGNS, comparisons_of, plain
from ._study import Study, plans

if TYPE_CHECKING:
    from anndata import AnnData

# programs that are tested, without a pilot: as many as the Hallmark collection has
N_PROGRAMS = 50
MIN_DONORS = 2


def power(
    pilot: AnnData | None = None,
    *,
    effect: float | Iterable[float],
    n_donors: int | Iterable[int],
    n_cells: float | Iterable[float] | None = None,
    kind: Literal["unique", "total"] = "unique",
    contrast: str | Sequence[str] | None = None,
    group: str | Sequence[str] | None = None,
    stratum: str | Sequence[str] | None = None,
    design: Literal["unpaired", "paired", "interaction"] | None = None,
    sample_sd: float | None = None,
    cell_sd: float | None = None,
    n_programs: int | None = None,
    changed: float = 0.1,
    level: float = 0.05,
    cost_donor: float | None = None,
    cost_cell: float | None = None,
    key: str = COMPARE,
) -> pd.DataFrame:
    """Compute how probably a study of a given size finds a change of programs, from the variances in a pilot.

    More donors make every difference between samples more certain. More cells per sample only reduce the part of a
    mean's variance that is due to the choice of cells, so beyond some number they add nothing.

    Parameters
    ----------
    pilot
        Data with results of :func:`crystallin.tl.compare`, or of :func:`crystallin.tl.rank_programs_groups` with a
        ``sample_key``: a pilot study, a published one of the same tissue, or a finished study whose negative results
        you want to judge. The planned study has the same design. ``None`` takes ``design``, ``sample_sd`` and
        ``cell_sd``.
    effect
        Size of the change, in prior standard deviations as the column ``effect``; one, or several. The direction does
        not matter.
    n_donors
        Total numbers of donors, over all groups: one, or several. If the result does not know donors (independent
        samples of :func:`crystallin.tl.rank_programs_groups`), numbers of samples.
    n_cells
        Cells of each sample, of the cell type in question; one number, or several. ``None`` takes the mean of the
        pilot.
    kind
        Reading of the programs: ``"unique"`` is what each explains beside all others, ``"total"`` what the genes of its
        set do, whichever programs explain it.
    contrast, group, stratum
        Comparisons of the pilot; ``None`` takes all. ``contrast`` is for results of :func:`crystallin.tl.compare`,
        ``group`` for those of :func:`crystallin.tl.rank_programs_groups`.
    design
        Without a pilot. ``"unpaired"``: two groups of equal size, with one sample of each donor. ``"paired"``: two
        samples of each donor. ``"interaction"``: two arms of equal size, with two samples of each donor; the effect is
        the difference of the differences. ``None`` is ``"unpaired"``.
    sample_sd, cell_sd
        Without a pilot: standard deviations of a program's activity between samples (in paired designs, between the
        samples of a donor), and between the cells of a sample, in the units of ``effect``. The results of both tools
        have columns of these names.
    n_programs
        Number of programs that are tested together. ``None`` takes those of the pilot, and 50 without one.
    changed
        Share of the tested programs that change by ``effect``; above 0. The more programs change, the larger the p
        values that are called.
    level
        Largest ``q`` that is called.
    cost_donor, cost_cell
        Costs of a donor, and of a cell of the type in question. If only one is given, the other is 0.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read. If there is
        no result of :func:`crystallin.tl.compare`, or ``group`` is given, the default is ``"rank_programs_groups"``.

    Returns
    -------
    DataFrame with a row for each comparison (``stratum`` and ``contrast``, or ``stratum``, ``group`` and ``reference``;
    none of these without a pilot), size of the study and tested program. The program ``"typical"`` has the median
    standard deviations of the tested programs.

    - ``n_donors``, ``n_samples``, ``n_cells`` (per sample), ``effect``;
    - ``se``, ``df``: standard error of the effect, and degrees of freedom of its test;
    - ``p_level``: the p value below which a program is expected to be called;
    - ``power``: probability that the effect is called; NaN if the study has too few donors to estimate variances;
    - ``detectable``: the effect that is called with a probability of .8 at the same ``p_level``;
    - ``cost``: that of the study, if ``cost_donor`` or ``cost_cell`` is given;
    - ``pilot_donors``, ``pilot_cells``: donors and mean cells per sample of the pilot; NaN without one.

    Raises
    ------
    KeyError
        If there are no results under ``key``.
    TypeError
        If ``pilot`` is not an AnnData.
    ValueError
        If an argument is out of range; a contrast, group or stratum is not among the results; the results are of cells,
        or of an earlier version; or arguments for studies with and without a pilot are mixed.

    Notes
    -----
    The variance of an effect is ``d (s² + c² / n)``, with the standard deviations between samples, ``s``, and cells,
    ``c``, and ``n`` cells per sample. ``d`` depends on the design and is proportional to 1 / donors. Residual
    degrees of freedom grow with the donors. Those borrowed from other programs are at most those of the pilot, and in
    studies with fewer donors they decrease in proportion. The p value below which a program is called solves ``p =
    level (1 + (m - 1) f) / m``, in which ``m`` is the number of programs and ``f = changed * power(p) + (1 - changed)
    * p`` the expected share of the others that are called, as in the procedure of Benjamini and Hochberg.
    ``benchmarks/power.py`` compares predicted and realised power.

    What this leaves out: standard deviations from a few donors are uncertain, and so is everything computed from them.
    Plan with a margin, or compare pilots. The planned study is assumed to have the sequencing depth, covariates, spread
    of cell numbers and complete samples of the pilot. Where the pilot found no variance between samples
    (``sample_sd`` of 0), standard errors contain only the choice of cells. With ``repeated="random"``, the ratio of the
    variances of the effect and of a mean is that of the pilot, although it depends on the number of cells if the
    contrast is one within donors. Degrees of freedom of totals are those of unique activities. A ``delta`` is not taken
    into account.

    Do not ask for the power to find the effects that the same pilot estimated. It says no more than their p values, and
    the largest of these effects are overestimated. For negative results, ask for the smallest effect that would matter.

    Examples
    --------
    Two groups of donors whose typical program has a standard deviation of .25 between donors:

    >>> import crystallin as cr
    >>> plan = cr.power(effect=0.4, n_donors=[8, 16, 32], n_cells=50, sample_sd=0.25, cell_sd=0.9)
    >>> plan["power"].round(2).tolist()
    [0.03, 0.26, 0.84]

    From a pilot:

    >>> design = {"n_donors": 6, "conditions": ("ctrl", "stim"), "sample_sd": 0.3}
    >>> pilot = cr.datasets.simulate(1_200, 300, n_programs=12, n_decoys=4, **design)
    >>> cr.pp.add_programs(pilot, pilot.uns["simulation"]["annotation"])
    >>> cr.ProgramVAE.setup_anndata(pilot)
    >>> model = cr.ProgramVAE(pilot)
    >>> model.train(max_epochs=20)
    >>> cr.tl.activity(pilot, model)
    >>> cr.tl.compare(pilot, model, "~ condition", contrast={"condition": ("ctrl", "stim")}, sample_key="donor")
    >>> plan = cr.power(pilot, effect=0.3, n_donors=range(4, 25, 4), n_cells=[20, 100], cost_donor=500, cost_cell=0.5)
    >>> typical = plan[plan["program"] == "typical"]
    >>> ax = cr.pl.power(plan)
    """
    effects, donors = _numbers(effect, "effect"), _numbers(n_donors, "n_donors", least_whole=MIN_DONORS)
    cells = None if n_cells is None else _numbers(n_cells, "n_cells")
    checks.check_choice(kind, "kind", KINDS)
    checks.check_number(level, "level", 0, 1, include_minimum=False, include_maximum=False)
    checks.check_number(changed, "changed", 0, 1, include_minimum=False)
    costs = {"cost_donor": cost_donor, "cost_cell": cost_cell}
    for argument, value in costs.items():
        if value is not None:
            checks.check_number(value, argument, 0)
    if n_programs is not None:
        checks.check_int(n_programs, "n_programs", 1)
    if pilot is None:
        given = {"contrast": contrast, "group": group, "stratum": stratum}
        _check_none(given, "choose among the comparisons of a pilot. Give one as the first argument, or leave out")
        studies = [_plain(design, sample_sd, cell_sd, cells, n_programs)]
    else:
        given = {"design": design, "sample_sd": sample_sd, "cell_sd": cell_sd}
        _check_none(given, "are for studies without a pilot, which has its own. Leave out the pilot, or")
        studies = comparisons_of(pilot, key, contrast, group, stratum, kind)
    if n_programs is not None:
        studies = [replace(study, n_tested=n_programs) for study in studies]
    parts = [part for study in studies for part in plans(study, effects, donors, cells, level=level, changed=changed)]
    table = pd.concat(parts, ignore_index=True)
    if cost_donor is not None or cost_cell is not None:
        of_cells = table["n_samples"] * table["n_cells"] * (cost_cell or 0)
        place = table.columns.get_loc("pilot_donors")
        table.insert(place, "cost", table["n_donors"] * (cost_donor or 0) + of_cells)
    return table


def _numbers(values: Any, argument: str, least_whole: int | None = None) -> list[Any]:
    """Return one number or several as a list; raise unless all are above 0, or whole and at least ``least_whole``."""
    if isinstance(values, str | bytes) or values is None:
        msg = f"{argument}={values!r} must be a number or a list of numbers."
        raise ValueError(msg)
    listed = list(values) if isinstance(values, Iterable) else [values]
    if not listed:
        msg = f"{argument} is empty; give at least one number."
        raise ValueError(msg)
    for value in listed:
        if least_whole is None:
            checks.check_number(value, argument, 0, include_minimum=False)
        else:
            checks.check_int(value, argument, least_whole)
    return list(dict.fromkeys(listed))


def _check_none(given: Mapping[str, Any], why: str) -> None:
    """Raise if an argument is given that has no meaning here."""
    there = [name for name, value in given.items() if value is not None]
    if there:
        msg = f"{', '.join(f'{name}={given[name]!r}' for name in there)}: {' and '.join(there)} {why} {there[0]}."
        raise ValueError(msg)


def _plain(
    design: str | None, sample_sd: float | None, cell_sd: float | None, n_cells: Any, n_programs: int | None
) -> Study:
    """Return the comparison of a study without a pilot."""
    missing = [
        name for name, value in (("sample_sd", sample_sd), ("cell_sd", cell_sd), ("n_cells", n_cells)) if value is None
    ]
    if missing:
        msg = (
            f"Without a pilot, {' and '.join(missing)} must be given. Give numbers, or data with results of "
            "crystallin.tl.compare or crystallin.tl.rank_programs_groups as pilot."
        )
        raise ValueError(msg)
    for argument, value in (("sample_sd", sample_sd), ("cell_sd", cell_sd)):
        checks.check_number(value, argument, 0)
    if not (sample_sd or cell_sd):
        msg = "sample_sd and cell_sd are both 0, so every effect would be found. Give the typical values of a study."
        raise ValueError(msg)
    design = "unpaired" if design is None else design
    checks.check_choice(design, "design", tuple(DESIGNS))
    return plain(design, float(sample_sd or 0), float(cell_sd or 0), n_programs or N_PROGRAMS)
