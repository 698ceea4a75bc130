"""Asks the vendor for all sessions with requests, in threads, and writes one Parquet file with pandas. Prints the number of rows.

Does what our source does besides keeping answers and revisions: names, units, types, one row per key, in order.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import requests

url, days, threads = sys.argv[1], sys.argv[2].split(","), int(sys.argv[3])
fields = "trade_date,ts_code,open,high,low,close,pre_close,vol,amount"
session = requests.Session()
session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=threads))


def fetch(day):
    body = {"api_name": "daily", "token": "none", "params": {"trade_date": day, "ts_code": ""}, "fields": fields}
    answer = session.post(url, json=body, timeout=30)
    answer.raise_for_status()
    answer = answer.json()
    if answer["code"] != 0:
        raise RuntimeError(answer["msg"])
    return pd.DataFrame(answer["data"]["items"], columns=answer["data"]["fields"])


with ThreadPoolExecutor(threads) as pool:
    frame = pd.concat(pool.map(fetch, days), ignore_index=True)
frame["session"] = pd.to_datetime(frame.pop("trade_date"), format="%Y%m%d")
frame["instrument"] = frame.pop("ts_code").str.replace(".SH", ".XSHG", regex=False)
frame["volume"] = frame.pop("vol") * 100
frame["amount"] = frame["amount"] * 1000
if frame.duplicated(["session", "instrument"]).any():
    raise RuntimeError("a key is there twice")
frame = frame.sort_values(["session", "instrument"])
frame.to_parquet("bars.parquet", index=False)
print(len(frame))
