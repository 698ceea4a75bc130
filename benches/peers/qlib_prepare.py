"""Writes the panel as Qlib keeps it: one little-endian float32 file per instrument and field, which begins with the number
of its first session. Not part of what is measured.

usage: qlib_prepare.py PANEL.parquet FOLDER INSTRUMENTS
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

FIELDS = ["open", "high", "low", "close", "volume", "vwap"]


def main():
    panel, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    bars = pd.read_parquet(panel)
    sessions = np.sort(bars["session"].unique())
    names = np.sort(bars["instrument"].unique())[:count]
    bars = bars[bars["instrument"].isin(names)]

    (folder / "calendars").mkdir(parents=True)
    (folder / "instruments").mkdir()
    days = [pd.Timestamp(session).strftime("%Y-%m-%d") for session in sessions]
    (folder / "calendars/day.txt").write_text("\n".join(days) + "\n")
    (folder / "instruments/all.txt").write_text("".join(f"{name}\t{days[0]}\t{days[-1]}\n" for name in names))
    for name, rows in bars.groupby("instrument"):
        at = np.searchsorted(sessions, rows["session"].to_numpy())
        into = folder / "features" / name.lower()
        into.mkdir(parents=True)
        for field in FIELDS:
            values = np.full(at[-1] - at[0] + 2, np.nan, dtype="<f4")
            values[0] = at[0]
            values[1 + at - at[0]] = rows[field].to_numpy()
            values.tofile(into / f"{field}.day.bin")


main()
