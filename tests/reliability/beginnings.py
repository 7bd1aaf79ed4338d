"""What has happened in a world before a daemon is made to crash in it, and after."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from daemon.jobs.statements import migrations
from tests.receiver import raw, status
from tests.reliability.nursery import TWO_STEPS
from tests.reliability.world import TEXT, Fate, World

EVERYWHERE = ("sure", "unsure", "shelf")


def three(**changes: object) -> list[Fate]:
    """A small, a larger and a large file."""
    fates = [
        Fate("small.bin", b"small"),
        Fate("larger.bin", b"larger" * 12_000),
        Fate("large.bin", b"large" * 60_000),
    ]
    return [replace(fate, **changes) for fate in fates]  # type: ignore[arg-type]


def picture(colour: str) -> bytes:
    data = BytesIO()
    Image.new("RGB", (60, 40), colour).save(data, "PNG")
    return data.getvalue()


def drop_three(world: World) -> None:
    world.drop(*three(destinations=EVERYWHERE))


def drop_for_sure(world: World) -> None:
    world.drop(*three())


def drop_where_a_rename_is_two_steps(world: World) -> None:
    (world.folder / TWO_STEPS).touch()
    world.drop(*three(destinations=("sure", "shelf")))


def drop_undelivered(world: World) -> None:
    world.drop(*three(destinations=()))


def crash_in_delivery(world: World) -> None:
    drop_three(world)
    world.crash("deliver.answered")


def drop_pictures(world: World) -> None:
    world.drop(
        *(Fate(f"{name}.png", picture(name), text=TEXT) for name in ("red", "blue")),
    )


def drop_a_receipt(world: World) -> None:
    """A picture with words that a real engine can read."""
    picture = Image.new("RGB", (420, 120), "white")
    font = ImageFont.load_default(48)
    ImageDraw.Draw(picture).text((20, 30), TEXT, fill="black", font=font)
    data = BytesIO()
    picture.save(data, "PNG")
    world.drop(Fate("receipt.png", data.getvalue(), text=TEXT))


def leave_a_reading(world: World) -> None:
    drop_pictures(world)
    world.crash("file.committed")


def take_the_name(world: World) -> None:
    """Something comes to lie where an original is about to go."""
    drop_undelivered(world)
    world.crash("record.committed")
    for name in list(world.fates):
        (world.folder / "done" / name).write_bytes(b"a stranger")


def go_on_and_clear(world: World) -> None:
    """The strangers are taken away; whoever met one has a name with its job's tail."""
    world.go_on()
    done = world.folder / "done"
    for path in done.iterdir():
        if path.suffix != ".json" and path.read_bytes() == b"a stranger":
            path.unlink()
    for name, fate in list(world.fates.items()):
        (path,) = (p for p in done.iterdir() if p.read_bytes() == fate.content)
        del world.fates[name]
        world.fates[path.name] = replace(fate, name=path.name)


def be_refused(world: World) -> None:
    """A server refuses a file for good, then takes it."""
    world.sure.script(status(400))
    world.drop(Fate("refused.bin", b"refused" * 100))
    assert world.once() == 1
    assert (world.folder / "rejected" / "refused.bin").exists()


def ask_again(world: World) -> None:
    be_refused(world)
    assert world.command("retry", "refused.bin") == 0


def park(world: World) -> None:
    """A server asks to be left alone for an hour."""
    world.sure.script(status(503, Retry_After="3600"))
    world.drop(Fate("parked.bin", b"parked" * 100))


def be_parked(world: World) -> None:
    park(world)
    assert world.once() == 1
    fate = replace(world.fates["parked.bin"], status="cancelled", folder="rejected")
    world.fates["parked.bin"] = replace(fate, destinations=())


def give_up(world: World) -> None:
    be_parked(world)
    assert world.command("cancel", "parked.bin") == 0


def give_up_with_a_sidecar_begun(world: World) -> None:
    """It was about to end in done/."""
    world.drop(Fate("late.bin", b"late" * 100, status="cancelled", folder="rejected"))
    world.crash("record.written")
    assert world.command("cancel", "late.bin") == 0


def change_before_the_claim(world: World) -> None:
    world.drop(Fate("changing.bin", b"before"))
    world.crash("claim.taken")
    world.drop(Fate("changing.bin", b"after" * 500))


def vanish_before_the_claim(world: World) -> None:
    world.drop(Fate("vanishing.bin", b"soon gone"), Fate("staying.bin", b"stays"))
    world.crash("claim.taken")
    (world.folder / "inbox" / "vanishing.bin").unlink()
    del world.fates["vanishing.bin"]


def deliver_and_drop_a_copy(world: World) -> None:
    world.drop(Fate("first.bin", b"the same" * 100))
    assert world.once() == 0
    world.drop(Fate("second.bin", b"the same" * 100, status="duplicate"))


def damage_the_ledger(world: World) -> None:
    """Some files are done, one nearly; of one the ledger has no row, of all no history."""
    drop_three(world)
    assert world.once() == 0
    world.drop(Fate("late.bin", b"late" * 5000, destinations=EVERYWHERE))
    world.crash("deliver.committed")
    path = world.folder / "state" / "ledger.sqlite3"
    ledger = sqlite3.connect(path)
    ledger.execute("DELETE FROM jobs WHERE name = 'small.bin'")
    ledger.commit()
    ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    page, size = ledger.execute(
        "SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = 'history'"
    ).fetchone()
    ledger.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"noise" * 100)


LINKED = b"what the link leads to\n" * 40


def drop_a_link(world: World) -> None:
    """A link file, and a server that has what it leads to."""
    page = raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
        b"Content-Length: %d\r\n\r\n" % len(LINKED) + LINKED
    )
    world.unsure.script(page, page, page)
    address = f"http://p{world.unsure.port}.linked.example.com/page"
    link = f"[InternetShortcut]\nURL={address}\n".encode()
    world.drop(Fate("linked.url", link, destinations=()))


def go_on_to_what_is_linked(world: World) -> None:
    world.go_on()
    world.fates["linked.txt"] = Fate("linked.txt", LINKED)


def leave_an_old_ledger(world: World) -> None:
    """A ledger of the first version, with a file in its queue."""
    fate = Fate("old.bin", b"queued long ago")
    world.drop(fate)
    seen = (world.folder / "inbox" / fate.name).stat()
    (world.folder / "state").mkdir(mode=0o700)
    ledger = sqlite3.connect(world.folder / "state" / "ledger.sqlite3")
    ledger.executescript(f"{migrations()[0]}\nPRAGMA user_version = 1;")
    ledger.execute(
        "INSERT INTO jobs (id, inbox, path, name, state, device, inode, size, modified_ns,"
        " received, updated) VALUES (?, 'box', ?, ?, 'queued', ?, ?, ?, ?, 0, 0)",
        (
            "01900000-0000-7000-8000-000000000000",
            fate.name.encode(),
            fate.name,
            seen.st_dev,
            seen.st_ino,
            seen.st_size,
            seen.st_mtime_ns,
        ),
    )
    ledger.commit()
    ledger.close()
