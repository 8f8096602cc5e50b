"""How fast do raw orders become interactions? One thread, in a process of its own.

encode_lines_per_second        raw lines of a Parquet file over the CPU seconds from opening it to
                               ``Interactions``: reading, cleaning, netting, encoding. 11 million
                               lines of ten simulated markets, sorted by time, texts as plain
                               strings; of 100 lines one is a cancellation, and of 1,000 one lacks
                               its customer and one has no price.
encode_read_lines_per_second   the part of ``read_orders`` in it
encode_only_lines_per_second   the part of ``CleanOrders.interactions`` in it
encode_peak_mb                 what the process held more, at most, than after it had done the same
                               with a few lines
encode_peak_ratio              the same over the size of the encoded lines
encode_csv_lines_per_second    the same way from a CSV file of a fifth of the customers

Each is the median of three processes, the peak their highest.

Agreement: whether a snapshot has the same hash when it is encoded from the shuffled frame.
"""

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from restock.benchmarks.figures import Figure, report, wants_json
from restock.dataset import Interactions, read_orders, simulate
from restock.dataset import columns as c
from restock.dataset.interactions import LINE_COLUMNS

CUSTOMERS, CSV_CUSTOMERS, FEW_CUSTOMERS = 100_000, 20_000, 1_000
DAYS = 730
CANCELLED, FAULTY = 0.01, 0.001  # shares of the lines
MINUTE = 60_000  # milliseconds
MB = 1e6  # bytes
ROUNDS = 3


class Cost(NamedTuple):
    """CPU seconds of both steps, raw lines, the rise of the peak and the encoded size in MB."""

    lines: int
    read: float
    encode: float
    peak: float
    encoded: float


def figures() -> Iterator[Figure]:
    """The figures of the module's text."""
    with tempfile.TemporaryDirectory() as folder:
        few = Path(folder) / "few.parquet"
        pq.write_table(raw_orders(FEW_CUSTOMERS), few)
        same = "same hash" if agrees(few) else "another hash"
        path = Path(folder) / "orders.parquet"
        pq.write_table(raw_orders(CUSTOMERS), path)
        cost = apart(few, path)
        for name, seconds in (
            ("encode_lines_per_second", cost.read + cost.encode),
            ("encode_read_lines_per_second", cost.read),
            ("encode_only_lines_per_second", cost.encode),
        ):
            yield Figure(name, cost.lines / seconds, "lines per CPU s", agreement=same)
        yield Figure("encode_peak_mb", cost.peak, "MB")
        yield Figure("encode_peak_ratio", cost.peak / cost.encoded, "x")
        text = path.with_suffix(".csv")
        pacsv.write_csv(raw_orders(CSV_CUSTOMERS), text)
        cost = apart(few, text)
        speed = cost.lines / (cost.read + cost.encode)
        yield Figure("encode_csv_lines_per_second", speed, "lines per CPU s", agreement=same)


def raw_orders(customers: int) -> pa.Table:
    """Order lines as a feed has them: sorted by time, with cancellations and faults."""
    rng = np.random.default_rng(0)
    world = simulate(markets=10, customers=customers, items=4000, days=DAYS, seed=1)
    table = world.arrow().select(list(c.REQUIRED))
    table = pa.table({name: _plain(table[name]) for name in table.column_names})
    back = np.flatnonzero(rng.random(len(table)) < CANCELLED)
    later = rng.integers(1, 30_000, back.size) * MINUTE
    cancels = table.take(back)
    when = cancels[c.TIMESTAMP].to_numpy() + later.astype("timedelta64[ms]")
    cancels = _with(cancels, c.TIMESTAMP, pa.array(when))
    cancels = _with(cancels, c.QUANTITY, pc.negate(cancels[c.QUANTITY]))
    cancels = _with(cancels, c.ORDER, pa.array([f"C{n:08}" for n in range(back.size)]))

    lost, free = (pa.array(rng.random(len(table)) < FAULTY) for _ in range(2))
    nobody = pa.scalar(None, pa.string())
    table = _with(table, c.CUSTOMER, pc.if_else(lost, nobody, table[c.CUSTOMER]))
    table = _with(table, c.UNIT_PRICE, pc.if_else(free, 0.0, table[c.UNIT_PRICE]))
    whole = pa.concat_tables([table, cancels])
    return whole.take(np.argsort(whole[c.TIMESTAMP].to_numpy(), kind="stable"))


def apart(few: Path, path: Path) -> Cost:
    """What ``measure`` finds in three processes: of times the median, of peaks the highest."""
    costs = []
    for _ in range(ROUNDS):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            costs.append(pool.submit(measure, few, path).result())
    middle = sorted(costs, key=lambda cost: cost.read + cost.encode)[ROUNDS // 2]
    return middle._replace(peak=max(cost.peak for cost in costs))


def measure(few: Path, path: Path) -> Cost:
    """The cost of reading and encoding ``path``, after ``few`` has warmed everything up."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    read_orders(few).interactions()
    before = _peak()
    start = time.process_time()
    clean = read_orders(path)
    middle = time.process_time()
    orders = clean.interactions()
    end = time.process_time()
    peak = _peak() - before
    encoded = sum(getattr(orders, name).nbytes for name in LINE_COLUMNS) / MB
    return Cost(clean.report.lines_read, middle - start, end - middle, peak, encoded)


def agrees(path: Path) -> bool:
    """Whether the frame of the clean orders, shuffled, encodes to the same hash."""
    clean = read_orders(path)
    shuffled = clean.orders.sample(frac=1, random_state=0)
    return Interactions.from_frame(shuffled).hash == clean.interactions().hash


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _with(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, column)


def _peak() -> float:
    """The most that this process has held (MB), without what its parent held."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / MB


if __name__ == "__main__":
    report(figures(), wants_json(__doc__))
