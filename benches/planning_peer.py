"""The peer of planning.rs: the same ledger, read with sqlite3 and compared with pandas.

It answers "is anything stale?" in the direct way: load the record of every partition, and for each edge compare the
newest revision in each window of the input with the revision that the reader was built at. It looks at no files and
knows nothing of specs, so it does less than the planner.

usage: planning_peer.py PROJECT
"""

import re
import sqlite3
import sys

import numpy as np
import pandas as pd


def edges(path):
    """(reader, input, window) of each indicator, as planning.rs wrote them."""
    text = open(path, encoding="utf-8").read()
    return re.findall(r"(mean_\d+):\n    kind: indicators\n    input: (\w+)\n    columns: .*, (\d+)\)", text)


def records(packed):
    """The records of one segment: see src/store/codec.rs."""
    columns = int.from_bytes(packed[5:9], "little")
    fields = [("session", "<i4"), ("rows", "<u4"), ("rev", "<u8"), ("built_rev", "<u8"), ("run", "<u8"), ("dirty", "u1")]
    return np.frombuffer(packed, dtype=[*fields, ("hashes", f"V{16 * (3 + columns)}")], offset=9)


def main():
    project = sys.argv[1]
    ledger = sqlite3.connect(f"file:{project}/data/state.db?mode=ro", uri=True)
    rows = ledger.execute("SELECT asset, records FROM segments WHERE dropped_rev IS NULL ORDER BY asset, month")
    months = {}
    for asset, packed in rows:
        months.setdefault(asset, []).append(records(packed))
    assets = {}
    for asset, parts in months.items():
        whole = np.concatenate(parts)
        columns = {"rev": whole["rev"].astype("int64"), "built_rev": whole["built_rev"].astype("int64")}
        assets[asset] = pd.DataFrame(columns, index=whole["session"])
    stale = 0
    for reader, source, window in edges(f"{project}/assets.yaml"):
        newest = assets[source]["rev"].rolling(int(window), min_periods=1).max()
        stale += int((newest > assets[reader]["built_rev"]).sum())
    print(f"{stale} partitions stale")


main()
