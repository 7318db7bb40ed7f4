"""Rates, differences and losses with intervals that hold over seeds *and* scenarios.

Every measure is a mean over a crossed table *seeds x scenarios*. All formats and orders of a
scenario are averaged in its cell first, so they move together. Two hierarchical bootstraps give its
variance: scenarios resampled for all seeds at once, and seeds resampled with all their scenarios
(the margins of the pigeonhole bootstrap: Owen 2007, Annals of Applied Statistics 1(2)).
`variance.py` holds them, `student.py` the multiplier for few seeds, `intervals.py` the intervals.

No resamples are drawn. What a bootstrap of a mean is used for here is its variance, and that is
known exactly: the limit for infinitely many resamples is a sum of squares (Efron & Tibshirani
1993, "An Introduction to the Bootstrap"). So there is no resampling noise and no option
for it. Percentiles of a bootstrap would not help: three seeds have only ten distinct resamples.

With one seed there is nothing to learn about seeds: the interval covers scenarios only.

`bench/calibration.py` measures what the intervals cover on simulated studies of known truth: 93
to 97 % with one and with three to ten seeds. With two seeds rates are covered to 93 to 98 %, and
differences to 96 to 99 %: two values say so little of how much seeds differ that no interval of
this kind covers evenly, and the error is on the side of caution. The constants were chosen on that
grid. On sixteen random populations drawn afterwards one, three, five and ten seeds were covered to
93.3 to 97.9 %; only three seeds exceeded 97 %, most where 40 scenarios of one format had a rate of
.08.
"""

from alignment_dagster.report.statistics.estimates import LEVEL, Array, Estimate
from alignment_dagster.report.statistics.intervals import bits_per_byte, difference, rate

__all__ = ["LEVEL", "Array", "Estimate", "bits_per_byte", "difference", "rate"]
