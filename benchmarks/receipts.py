"""How right and how fast receipts are read, beside tesseract with the pattern people write first.

    python benchmarks/receipts.py FOLDER [--engine E] [--profile P] [--runtime R]
        [--generated N] [--series S ...] [--limit N] [--lines FOLDER] [--wrong] [--no-naive]

FOLDER holds `sroie/` and `german/`, each with `img/` and `key/ID.json` (company, date, address,
total as printed); `sroie/split.json` names the development set. `--generated` adds so many receipts
of each series that the tests draw, in ten countries' ways, clean to hard; FOLDER may then be left
out. `--lines` takes lines read before, `SET/ID.json` as `inboxd read --json` writes its `ocr`, and
measures understanding alone.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.receipt_scores import SURE, Scores
from benchmarks.receipt_sets import FOLDERS, Sample, generated, in_folder

Json = Any
_NAIVE = re.compile(r"(Total|Amount)[:\s]*\$?([\d,]+\.\d{2})", re.IGNORECASE)
_NAIVE_DATE = re.compile(r"\d{1,2}[/-]\d{1,2}[/-]\d{2,4}")


@dataclass(frozen=True, slots=True)
class Cost:
    """What reading a set took: seconds of wall and CPU, and the largest process in MB."""

    wall: float = 0.0
    cpu: float = 0.0
    peak: float = 0.0


def main() -> int:
    arguments = _arguments()
    rows = [("set", "reader", *_COLUMNS)]
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as drawn:
        for name, samples in _sets(arguments, Path(drawn)):
            results, cost = _results(arguments, name, samples)
            scores = Scores(name)
            for sample, receipt in zip(samples, results, strict=True):
                scores.add(sample.identity, sample.key, receipt)
            rows.append((name, arguments.engine, *_figures(scores, cost)))
            wrong += [f"{name}/{line}" for line in scores.wrong]
            if arguments.naive and shutil.which("tesseract"):
                naive, taken = _naive(name, samples)
                rows.append((name, "tesseract + naive", *_figures(naive, taken)))
    _print_table(rows)
    if arguments.naive and not shutil.which("tesseract"):
        print("\ntesseract is not installed; its rows are left out (apt install tesseract-ocr)")
    if arguments.wrong:
        print("\n".join(["", *wrong]))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--engine", default="rapid")
    parser.add_argument("--profile", default="accurate", help="of the engine rapid")
    parser.add_argument("--runtime", default="auto", help="of the engine rapid")
    parser.add_argument("--generated", type=int, default=0, metavar="N")
    parser.add_argument("--series", nargs="+", default=["a"], help="of generated receipts")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--lines", help="folder of SET/ID.json with lines read before")
    parser.add_argument("--wrong", action="store_true", help="list every field that is not right")
    parser.add_argument("--no-naive", dest="naive", action="store_false")
    arguments = parser.parse_args()
    if arguments.folder is None and not arguments.generated:
        parser.error("give FOLDER or --generated N")
    return arguments


def _sets(arguments: argparse.Namespace, drawn: Path) -> Iterator[tuple[str, list[Sample]]]:
    for name in FOLDERS if arguments.folder else ():
        samples = list(in_folder(Path(arguments.folder) / name))[: arguments.limit]
        if samples:
            yield name, samples
    for series in arguments.series if arguments.generated else ():
        yield f"drawn {series}", list(generated(drawn / series, series, arguments.generated))


def _results(
    arguments: argparse.Namespace, name: str, samples: Sequence[Sample]
) -> tuple[list[Json], Cost]:
    if arguments.lines:
        return _from_lines(Path(arguments.lines) / name, samples)
    files = [str(sample.picture) for sample in samples]
    command = [sys.executable, "-m", "daemon", "read", "--json", "--engine", arguments.engine]
    command += ["--profile", arguments.profile, "--runtime", arguments.runtime, *files]
    with tempfile.TemporaryFile() as answer:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=answer, cwd=Path(__file__).parent.parent)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - began
        answer.seek(0)
        results = [result["receipt"] for result in json.load(answer)]
    return results, Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _from_lines(folder: Path, samples: Sequence[Sample]) -> tuple[list[Json], Cost]:
    from daemon.pipeline.reading_child import understand  # noqa: PLC0415  # brings the engine
    from daemon.reading.document import from_json  # noqa: PLC0415

    documents = [
        from_json(json.loads((folder / f"{sample.identity}.json").read_text()))
        for sample in samples
    ]
    began, used = time.perf_counter(), time.process_time()
    results = [understand(document) for document in documents]
    return results, Cost(time.perf_counter() - began, time.process_time() - used)


def _naive(name: str, samples: Sequence[Sample]) -> tuple[Scores, Cost]:
    """What most tutorials do: tesseract, then one pattern for the total and one for the date."""
    scores = Scores(name)
    began, used = time.perf_counter(), os.times()
    for sample in samples:
        command = ["tesseract", str(sample.picture), "stdout"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        total, date = _NAIVE.search(answer), _NAIVE_DATE.search(answer)
        first = next((line for line in answer.splitlines() if line.strip()), None)
        scores.add(sample.identity, sample.key, _naive_receipt(total, date, first))
    now = os.times()
    cpu = now.children_user + now.children_system - used.children_user - used.children_system
    return scores, Cost(time.perf_counter() - began, cpu)


def _naive_receipt(
    total: re.Match[str] | None, date: re.Match[str] | None, first: str | None
) -> Json:
    from benchmarks.receipt_scores import iso_date  # noqa: PLC0415

    return {
        "total": {"value": total[2].replace(",", "") if total else None, "confidence": SURE},
        "date": {"value": iso_date(date[0]) if date else None},
        "merchant": {"value": first},
    }


_COLUMNS = (
    *("n", "total", "date", "company", "address", "F1", "items n", "items sum"),
    *("prec>=.9", "cover", "ECE", "CPU s", "wall s", "RSS MB"),
)


def _figures(scores: Scores, cost: Cost) -> tuple[str, ...]:
    count = max(1, scores.receipts)
    has = scores.asked
    return (
        str(scores.receipts),
        *(f"{scores.share(ours):.3f}" for ours in ("total", "date", "company")),
        f"{scores.share('address'):.3f}" if "address" in has else "-",
        f"{scores.f1:.3f}",
        f"{scores.items_counted / count:.3f}" if scores.counts_items else "-",
        f"{scores.items_summed / count:.3f}",
        f"{scores.precision:.3f}",
        f"{scores.coverage:.3f}",
        f"{scores.calibration_error:.3f}",
        f"{cost.cpu / count:.3f}",
        f"{cost.wall / count:.3f}",
        f"{cost.peak:.0f}" if cost.peak else "-",
    )


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


if __name__ == "__main__":
    sys.exit(main())
