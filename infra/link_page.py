"""The page of the link: which offline figures foretold what experiments measured.

One file, no network, every string from the data escaped.
"""

from markupsafe import Markup

from restock.infra import link_charts
from restock.infra.drift_page import pages
from restock.infra.link_charts import Mark
from restock.infra.link_report import LinkReport
from restock.infra.store import Store

PAGE = "reports/link/index.html"


def render(report: LinkReport) -> str:
    """The page as HTML."""
    environment = pages({"percent": link_charts.percent})
    return environment.get_template("link_page.html").render(
        report=report,
        plot=plot(report),
        before={one.name: one for one in report.before},
        weights={
            name: (report.declared.get(name, 0.0), report.proposed.get(name, 0.0))
            for name in dict.fromkeys([*report.declared, *report.proposed])
        },
    )


def plot(report: LinkReport) -> Markup:
    """The calibration plot of the entries that were foretold from the others."""
    entries = {entry.name: entry for entry in report.entries}
    marks = [
        Mark(one.name, one.value, entries[one.name].lift, 1.96 * entries[one.name].error)
        for one in report.before
    ]
    slope = report.calibration.slope if report.calibration else None
    return link_charts.calibration(marks, slope)


def keep(store: Store, report: LinkReport) -> LinkReport:
    """Write the page; returns the report with its key."""
    store.put(PAGE, render(report).encode())
    return report.model_copy(update={"page": PAGE})
