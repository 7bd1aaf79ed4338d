"""What people write first: post each file of a folder, move it when the server took it.

Three threads, no record, no retry, nothing synced: `post_files.py FOLDER DONE URL`.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import requests


def main() -> None:
    folder, done, url = sys.argv[1:]

    def post(name: str) -> None:
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            requests.post(url, files={"file": file}, timeout=60).raise_for_status()
        os.rename(path, os.path.join(done, name))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(post, os.listdir(folder)))


if __name__ == "__main__":
    main()
