"""What the detectors cost, miss and cry wolf: all figures of watching in one command.

    python -m restock.benchmarks.drift [--json] [--only PART …]

Part rates, on simulated and real orders (``drift_rates``):

alarm_rate_no_drift     share of daily runs over all 40 markets that raise any alarm (bar: .05)
needless_retrains_per_quarter  of a market without drift (bar: 1)
named_right             share of planted causes that were found and named (bar: .90)

Part delay, on real lists over simulated orders (``drift_delay``):

cusum_alarm_rate        markets without drift that alarm within 275 days (bar: .12)
delay_days_5pct         median days until a drop of realised ndcg by 5 % is found, in a market
                        of 500 ordering customers a day (bar: 14)
delay_days_10pct        the same of 10 % (bar: 5)

Part succession: equal plans rolled back, and how soon a worse one is (``drift_succession``).
Part clustered: why customers are permuted, not rows (``drift_clustered``).
Part speed: the table of column tests beside Evidently (``drift_speed``; bar: 15, 200 MB).
Part daily: ``restock drift`` on all bundled orders, reports included (``drift_daily``):

daily_check_seconds     of the command on this machine (bar: 60 on two cores)
"""

import argparse
from importlib import import_module

from restock.benchmarks.figures import report

PARTS = ("rates", "delay", "succession", "clustered", "speed", "daily")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON per figure")
    parser.add_argument("--only", nargs="*", choices=PARTS, help="parts to run")
    options = parser.parse_args()
    parts = [part for part in PARTS if part in (options.only or PARTS)]
    modules = (import_module(f"restock.benchmarks.drift_{part}") for part in parts)
    report((figure for module in modules for figure in module.figures()), options.json)


if __name__ == "__main__":
    main()
