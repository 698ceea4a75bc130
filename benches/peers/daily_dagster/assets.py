"""The demo's five daily assets in Dagster: one partition per session, Parquet files, pandas.

One more session is one run of the usual command:

    dagster asset materialize --select '*' --partition 2017-12-29 -f assets.py

DEMO names the folder with the source files; prepare.py writes the history that the session needs.
"""

import os
from pathlib import Path

import pandas as pd
import tables
from dagster import AssetIn, Definitions, TimeWindowPartitionMapping, TimeWindowPartitionsDefinition, asset
from parquet_io import ParquetIO
from upath import UPath

SOURCE = Path(os.environ["DEMO"])
HOME = Path(os.environ["DAGSTER_HOME"])
HISTORY = 252


def calendar():
    """The sessions, as weekdays without the exchange's holidays."""
    sessions = (HOME / "sessions.txt").read_text().split()
    weekdays = pd.bdate_range(sessions[0], sessions[-1])
    holidays = weekdays.difference(pd.to_datetime(sessions))
    return TimeWindowPartitionsDefinition(
        start=sessions[0],
        end=(weekdays[-1] + pd.offsets.BDay()).strftime("%Y-%m-%d"),
        fmt="%Y-%m-%d",
        cron_schedule="0 0 * * 1-5",
        exclusions=[day.to_pydatetime() for day in holidays],
    )


daily = calendar()


def sessions_before(first, last=0):
    return TimeWindowPartitionMapping(start_offset=first, end_offset=last, allow_nonexistent_upstream_partitions=True)


@asset(partitions_def=daily)
def raw_bars(context):
    return tables.raw_bars(SOURCE / "bars/csi_mini.csv", context.partition_key)


@asset(partitions_def=daily, ins={"before": AssetIn("completed_bars", partition_mapping=sessions_before(-1, -1))})
def completed_bars(context, raw_bars, before):
    listing = tables.listing(SOURCE / "listing.csv")
    return tables.completed_bars(raw_bars, before, listing, context.partition_key)


@asset(partitions_def=daily, ins={"history": AssetIn("completed_bars", partition_mapping=sessions_before(1 - HISTORY))})
def indicators(context, history):
    return tables.indicators(history, context.partition_key)


@asset(partitions_def=daily)
def scores(context, indicators):
    return tables.scores(indicators, context.partition_key)


@asset(partitions_def=daily)
def signals(context, scores):
    return tables.signals(scores, context.partition_key)


defs = Definitions(
    assets=[raw_bars, completed_bars, indicators, scores, signals],
    resources={"io_manager": ParquetIO(UPath(HOME / "lake"))},
)
