"""How far each close is above the exponential mean of its window: an asset of kind `exec`, with polars."""

import json
import sys

import polars as pl

task = json.load(open(sys.argv[-1]))
bars = pl.read_parquet(task["inputs"]["bars"]["path"])
half_life = task["params"]["half_life"]
window = 20

made = []
for done, session in enumerate(task["sessions"], start=1):
    # With `batch:` the file holds the windows of several sessions: each is cut to its own, so that the result is the same for every batch.
    day = pl.lit(session).str.to_date()
    days = bars.filter(pl.col("session") <= day)["session"].unique().sort().tail(window)
    weights = pl.DataFrame({
        "session": days,
        "weight": [0.5 ** ((len(days) - 1 - at) / half_life) for at in range(len(days))],
    })
    mean = (
        bars.join(weights, on="session")
        .filter(pl.col("close").is_not_null())
        .sort("instrument", "session")
        .group_by("instrument", maintain_order=True)
        .agg(
            (pl.col("close") * pl.col("weight")).sum() / pl.col("weight").sum(),
            last=pl.col("close").filter(pl.col("session") == day).last(),
        )
    )
    made.append(mean.select(session=day, instrument="instrument", alpha=pl.col("last") / pl.col("close") - 1))
    print(json.dumps({"progress": done / len(task["sessions"])}))

result = pl.concat(made)
result.write_parquet(task["output"]["parquet"])
print(json.dumps({"metric": {"rows": result.height}}))
