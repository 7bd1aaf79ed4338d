"""The whole corpus; also a script that writes it into a folder for other programs to choke on.

    python -m tests.hostile.corpus FOLDER

writes every file that is a regular one, by class, and a table of what must become of each.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

from daemon.files import display
from tests.hostile.case import Case
from tests.hostile.documents import documents
from tests.hostile.pictures import pictures
from tests.hostile.strangers import strangers


def corpus(victim: Path) -> list[Case]:
    """Every case; links lead to `victim`, which is none of our business.

    Raises AssertionError where two cases would have the same name in the same inbox.
    """
    cases = [*pictures(), *strangers(victim)]
    cases += [replace(case, inbox="read") for case in documents()]
    names = Counter((case.inbox, case.name) for case in cases)
    assert [name for name, count in names.items() if count > 1] == []
    return cases


def main() -> None:
    """Write the corpus."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    victim = folder / "victim"
    victim.write_text("nobody is to read this\n")
    lines = ["class\tname\tmust"]
    for case in corpus(victim):
        there = folder / case.kind
        there.mkdir(exist_ok=True)
        try:
            case.make(os.path.join(os.fsencode(there), case.name))
        except PermissionError:
            continue  # a device takes root
        lines.append(f"{case.kind}\t{display(case.name)}\t{case.must}")
    (folder / "corpus.tsv").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
