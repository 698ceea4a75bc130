"""The tables of the demo's five daily assets, in pandas: what assets.yaml at the root of the repository declares."""

import numpy as np
import pandas as pd

KEYS = ["session", "instrument"]


def raw_bars(csv, session):
    bars = pd.read_csv(csv).rename(columns={"symbol": "instrument", "date": "session"})
    return bars[bars["session"] == session].reset_index(drop=True)


def listing(csv):
    return pd.read_csv(csv, dtype=str).fillna({"delisted": "9999-12-31"})


def completed_bars(bars, before, listing, session):
    """A row for every instrument listed on the day. `before` holds the completed bars of the session before."""
    listed = listing[(listing["listed"] <= session) & (session <= listing["delisted"])]
    rows = listed[["instrument"]].merge(bars.drop(columns="session"), on="instrument", how="left")
    rows = rows.sort_values("instrument", ignore_index=True)
    rows.insert(0, "session", session)
    rows["is_suspended"] = rows["is_filled"] = rows["close"].isna()
    carried = rows["instrument"].map(before.set_index("instrument")["close"]) if len(before) else np.nan
    rows["close"] = rows["close"].fillna(carried)
    rows["volume"] = rows["volume"].fillna(0.0)
    return rows


def indicators(history, session):
    """Of one session, from the completed bars of the 252 sessions that end with it."""
    wide = panels(history)
    close, volume = wide["close"], wide["volume"]
    now = close.iloc[-1]
    returns = close / close.shift(1) - 1
    suspended = wide["is_suspended"].astype(float)

    def change(n):
        return now / close.iloc[-1 - n] - 1

    columns = {
        "ret_1": change(1),
        "ret_5": change(5),
        "ret_20": change(20),
        "ret_60": change(60),
        "vol_20": returns.tail(20).std(),
        "vol_60": returns.tail(60).std(),
        "ma_gap_20": now / close.tail(20).mean() - 1,
        "ma_gap_60": now / close.tail(60).mean() - 1,
        "high_252": now / close.max(),
        "range_20": ((wide["high"] - wide["low"]) / close).tail(20).mean(),
        "trend_20": close.tail(20).apply(slope) / now,
        "volume_surge": volume.tail(5).mean() / volume.tail(60).mean(),
        "price_volume": close.tail(20).corrwith(np.log(volume.tail(20) + 1)),
        "up_days_20": (returns.tail(20) > 0).sum() / 20,
        "suspended_20": suspended.tail(20).sum(),
    }
    table = pd.DataFrame(columns).loc[history.loc[history["session"] == session, "instrument"]]
    return keyed(table, session)


def panels(history):
    """Per column a table with a row per session and a column per instrument."""
    wide = history.pivot(index="session", columns="instrument")
    return {name: wide[name] for name in wide.columns.get_level_values(0).unique()}


def slope(values):
    values = values.dropna()
    return np.polyfit(np.arange(len(values)), values, 1)[0] if len(values) > 1 else np.nan


def scores(indicators, session):
    table = indicators.set_index("instrument")
    columns = {
        "momentum": zscore(winsorize(table["ret_60"])),
        "reversal": -zscore(winsorize(table["ret_5"])),
        "calm": -zscore(table["vol_60"]),
        "strength": table["high_252"].rank(pct=True) - 0.5,
        "tradable": table["suspended_20"] < 5,
    }
    made = pd.DataFrame(columns)
    weighted = 0.4 * made["momentum"] + 0.2 * made["reversal"] + 0.2 * made["calm"] + 0.2 * made["strength"]
    made["score"] = weighted.where(made["tradable"], -10.0)
    return keyed(made, session)


def winsorize(values, k=3.0):
    median = values.median()
    reach = k * 1.4826 * (values - median).abs().median()
    return values.clip(median - reach, median + reach)


def zscore(values):
    return (values - values.mean()) / values.std()


def signals(scores, session, k=10):
    best = scores.dropna(subset="score").sort_values(["score", "instrument"], ascending=[False, True]).head(k)
    made = pd.DataFrame({"rank": np.arange(1.0, len(best) + 1), "score": best["score"].to_numpy()})
    made.index = pd.Index(best["instrument"], name="instrument")
    made["weight"] = 1 / len(best)
    return keyed(made.sort_index(), session)


def keyed(table, session):
    table = table.rename_axis("instrument").reset_index()
    table.insert(0, "session", session)
    return table
