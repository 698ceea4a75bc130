"""One Parquet file per asset and partition; many partitions of an input are read in one go."""

import pandas as pd
from dagster import InputContext, OutputContext, UPathIOManager
from upath import UPath


class ParquetIO(UPathIOManager):
    extension = ".parquet"

    def dump_to_path(self, context: OutputContext, obj: pd.DataFrame, path: UPath):
        obj.to_parquet(str(path), index=False)

    def load_from_path(self, context: InputContext, path: UPath) -> pd.DataFrame:
        return pd.read_parquet(str(path))

    def load_partitions(self, context: InputContext) -> pd.DataFrame:
        paths = self._get_paths_for_partitions(context)
        return pd.read_parquet([str(paths[key]) for key in context.asset_partition_keys])
