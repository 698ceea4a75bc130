"""Alpha158 of all instruments of a folder that qlib_prepare.py made, computed as Qlib's users do: by its own loader. What
it computes is left in memory.

usage: alpha158_qlib.py FOLDER PROCESSES
"""

import sys

import qlib
from qlib.contrib.data.loader import Alpha158DL


def main():
    qlib.init(provider_uri=sys.argv[1], kernels=int(sys.argv[2]), expression_cache=None, dataset_cache=None)
    features = Alpha158DL().load(instruments="all")
    print(f"{features.shape[0]} rows, {features.shape[1]} features")


if __name__ == "__main__":
    main()
