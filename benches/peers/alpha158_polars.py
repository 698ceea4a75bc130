"""The families of Alpha158 that polars has, computed as a good script would: lazily, in float64, one instrument after another
in batches that fit in memory. What it computes is dropped batch by batch.

Not there are BETA, RSQR, RESI, IMAX, IMIN and IMXD: polars has no rolling regression and no rolling arg_max. CORR and CORD
go without Qlib's rule for windows that hardly vary.

usage: alpha158_polars.py PANEL.parquet [BATCH]
"""

import sys

import polars as pl

FIELDS = ["open", "high", "low", "close", "volume", "vwap"]
WINDOWS = [5, 10, 20, 30, 60]
EPS = 1e-12


def features():
    """One expression per feature, over the sessions of one instrument; the names are Qlib's."""
    open_, high, low, close, volume, vwap = (pl.col(field) for field in FIELDS)
    top, bottom, span = pl.max_horizontal(open_, close), pl.min_horizontal(open_, close), high - low + EPS
    yield "KMID", (close - open_) / open_
    yield "KLEN", (high - low) / open_
    yield "KMID2", (close - open_) / span
    yield "KUP", (high - top) / open_
    yield "KUP2", (high - top) / span
    yield "KLOW", (bottom - low) / open_
    yield "KLOW2", (bottom - low) / span
    yield "KSFT", (2 * close - high - low) / open_
    yield "KSFT2", (2 * close - high - low) / span
    for field in (open_, high, low, vwap):
        yield f"{field.meta.output_name().upper()}0", field / close

    before, moved, sold = close.shift(1), close.diff(), volume.diff()
    up = (close > before).fill_null(False).cast(pl.Float64)
    down = (close < before).fill_null(False).cast(pl.Float64)
    log_volume = (volume + 1).log()
    change, log_change = close / before, (volume / volume.shift(1) + 1).log()
    weighted = (change - 1).abs() * volume
    valid = close.is_not_null().cast(pl.Float64)
    for n in WINDOWS:

        def mean(x):
            return x.rolling_mean(n, min_samples=1)

        def total(x):
            return x.rolling_sum(n, min_samples=1)

        def std(x):
            return x.rolling_std(n, min_samples=2)

        def quantile(q):
            return close.rolling_quantile(q, "linear", n, min_samples=1)

        def corr(x, y):
            return pl.rolling_corr(x, y, window_size=n, min_samples=2)

        most, least = high.rolling_max(n, min_samples=1), low.rolling_min(n, min_samples=1)
        yield f"ROC{n}", close.shift(n) / close
        yield f"MA{n}", mean(close) / close
        yield f"STD{n}", std(close) / close
        yield f"MAX{n}", most / close
        yield f"MIN{n}", least / close
        yield f"QTLU{n}", quantile(0.8) / close
        yield f"QTLD{n}", quantile(0.2) / close
        yield f"RANK{n}", close.rolling_rank(n, min_samples=1) / total(valid)
        yield f"RSV{n}", (close - least) / (most - least + EPS)
        yield f"CORR{n}", corr(close, log_volume)
        yield f"CORD{n}", corr(change, log_change)
        yield f"CNTP{n}", mean(up)
        yield f"CNTN{n}", mean(down)
        yield f"CNTD{n}", mean(up) - mean(down)
        for name, delta in (("SUM", moved), ("VSUM", sold)):
            gain, loss = total(delta.clip(lower_bound=0)), total((-delta).clip(lower_bound=0))
            size = total(delta.abs()) + EPS
            yield f"{name}P{n}", gain / size
            yield f"{name}N{n}", loss / size
            yield f"{name}D{n}", (gain - loss) / size
        yield f"VMA{n}", mean(volume) / (volume + EPS)
        yield f"VSTD{n}", std(volume) / (volume + EPS)
        yield f"WVMA{n}", std(weighted) / (mean(weighted) + EPS)


def main():
    panel, batch = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 400
    bars = pl.read_parquet(panel)
    sessions, instruments = (bars.select(pl.col(key).unique().sort()) for key in ("session", "instrument"))
    # Windows count sessions, so a suspended session needs its row.
    grid = instruments.join(sessions, how="cross")
    bars = grid.join(bars, on=["instrument", "session"], how="left", maintain_order="left")
    columns = [column.alias(name) for name, column in features()]
    rows = 0
    for first in range(0, instruments.height, batch):
        some = bars.slice(first * sessions.height, batch * sessions.height).lazy()
        # A list per instrument and feature, made flat again, takes less time than `over("instrument")`.
        computed = some.group_by("instrument", maintain_order=True).agg("session", *columns).explode(pl.exclude("instrument"))
        rows += computed.collect().height
    print(f"{rows} rows, {len(columns)} features")


if __name__ == "__main__":
    main()
