"""The same JSON as `assetctl serve` gives for its assets, from FastAPI on uvicorn: one process, as it is usually started."""

import json
import sys

import uvicorn
from fastapi import FastAPI

with open(sys.argv[1], encoding="utf-8") as file:
    ASSETS = json.load(file)

app = FastAPI()


@app.get("/api/v1/assets")
async def assets():
    return ASSETS


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error", access_log=False)
