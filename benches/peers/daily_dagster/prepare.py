"""Writes what was materialized before the first of the sessions that are measured: the bars of a year, as assets.py would
have written them. Not part of what is measured.

usage: prepare.py DEMO FOLDER SESSIONS    (SESSIONS: how many at the end are left to be materialized)
"""

import sys
from pathlib import Path

import pandas as pd
import tables

HISTORY = 252


def main():
    source, folder, left = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    every = pd.read_csv(source / "bars/csi_mini.csv")
    listing = tables.listing(source / "listing.csv")
    sessions = sorted(every["date"].unique())
    for name in ("raw_bars", "completed_bars"):
        (folder / "lake" / name).mkdir(parents=True)
    (folder / "sessions.txt").write_text("\n".join(sessions) + "\n")
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")

    by_session = dict(list(every.rename(columns={"symbol": "instrument", "date": "session"}).groupby("session")))
    before = pd.DataFrame()
    for session in sessions[:-left]:
        bars = by_session[session].reset_index(drop=True)
        before = tables.completed_bars(bars, before, listing, session)
        if session >= sessions[-left - HISTORY]:
            bars.to_parquet(folder / f"lake/raw_bars/{session}.parquet", index=False)
            before.to_parquet(folder / f"lake/completed_bars/{session}.parquet", index=False)


main()
