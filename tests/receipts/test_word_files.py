"""Words that a person adds in files of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from daemon.errors import ConfigError
from daemon.receipts.word_files import added, built_in

FINNISH = """
language = "fi"
months = [["tammi"], ["helmi"], ["maalis"], ["huhti"], ["touko"], ["kesä"],
          ["heinä"], ["elo"], ["syys"], ["loka"], ["marras"], ["joulu"]]

[marks]
total = ["yhteensä", "summa"]
cash = ["käteinen"]
change = ["takaisin"]
tax = ["alv"]
footer = ["kiitos käynnistä"]
"""
READ = """
import sys
from pathlib import Path
from daemon.receipts.lexicon import learn
from daemon.receipts.word_files import added
from tests.receipts.paper import read
learn(added(Path(sys.argv[1])))
receipt = read(
    "Kahvila Aurinko Oy", "3. touko 2024 12:30", "Kahvi      3,20", "Pulla      2,80",
    "YHTEENSÄ      6,00", "KÄTEINEN      10,00", "TAKAISIN      4,00", "Kiitos käynnistä",
)
print(receipt.total.value, receipt.date.value, receipt.change.value, receipt.payment_method.value)
"""


def test_a_ninth_language_is_a_file_and_no_code(tmp_path: Path) -> None:
    (tmp_path / "fi.toml").write_text(FINNISH, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not a file of words")
    # In a process of its own: what a process has learnt it does not forget.
    answer = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == ["6.00", "2024-05-03", "4.00", "cash"]


def test_words_can_be_added_to_a_language_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "de.toml").write_text('language = "de"\n[marks]\ndue = ["alles zusammen"]\n')
    assert added(tmp_path) == [{"language": "de", "marks": {"due": ["alles zusammen"]}}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("language = ", "is no TOML"),
        ("language = 'x'\n\n[marks]\ntotal = ['\xe4']".encode("latin-1"), "is no TOML"),
        ("[marks]\ntotal = ['summa']", "needs the name of its language"),
        ("language = 'fi'\nmonth = []", "has 'month'"),
        ("language = 'fi'\nmonths = [['tammi']]", "twelve lists"),
        ("language = 'fi'\nstreet_endings = 'katu'", "street_endings"),
        ("language = 'fi'\nmisread = 'x'", "[misread]"),
        ("language = 'fi'\nmarks = 'x'", "[marks]"),
        ("language = 'fi'\n[marks]\ntotall = ['summa']", "'totall' under [marks] is not a known"),
        ("language = 'fi'\n[marks]\ntotal = 'summa'", "total must be a list"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_what_is_wrong(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    path = tmp_path / "fi.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        added(tmp_path)
    assert said in caught.value.message
    assert str(path) in caught.value.message


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        added(tmp_path / "nowhere")


def test_the_words_that_come_with_inboxd_obey_the_same_rules(tmp_path: Path) -> None:
    assert len({content["language"] for content in built_in()}) >= 8
