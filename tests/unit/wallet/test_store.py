from __future__ import annotations

import secrets
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.clauses import clause
from weid.errors import WalletFileError, WalletInUseError, WrongPassphraseError
from weid.wallet.sealed_file import PassphraseCost
from weid.wallet.store import WalletStore

COST = PassphraseCost(operations=1, memory=8 * 1024 * 1024)
PASSPHRASE = "p"
ROOT = Path(__file__).parents[3]


def create(path: Path, contents: bytes = b"old") -> WalletStore:
    return WalletStore.create(
        path, contents, passphrase="p", cost=COST, random=secrets.token_bytes, wait=0
    )


def read(path: Path, passphrase: str = PASSPHRASE) -> bytes:
    store, contents = WalletStore.open(
        path, passphrase=passphrase, random=secrets.token_bytes, wait=0
    )
    store.close()
    return contents


@clause("IP-28")
def test_a_save_is_there_when_the_file_is_opened_again(tmp_path):
    path = tmp_path / "ada.wallet"
    store = create(path)
    store.save(b"new")
    store.close()
    assert read(path) == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["ada.wallet", "ada.wallet.lock"]


@clause("IP-28")
def test_a_new_wallet_never_replaces_a_file(tmp_path):
    path = tmp_path / "ada.wallet"
    path.write_bytes(b"something")
    with pytest.raises(WalletFileError, match="already"):
        create(path)
    assert path.read_bytes() == b"something"
    link = tmp_path / "link.wallet"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(WalletFileError, match="already"):
        create(link)


@clause("IP-28")
def test_a_wallet_that_is_not_there_says_so(tmp_path):
    with pytest.raises(WalletFileError, match="no wallet"):
        read(tmp_path / "ada.wallet")
    with pytest.raises(WalletFileError, match="cannot be made"):
        create(tmp_path / "nowhere" / "ada.wallet")


@clause("Q9", "IP-27")
def test_a_file_that_does_not_open_is_left_as_it_is(tmp_path):
    path = tmp_path / "ada.wallet"
    create(path).close()
    whole = path.read_bytes()
    with pytest.raises(WrongPassphraseError):
        read(path, "q")
    for damaged in (whole[:-1], whole[:40], b"", whole[:90] + b"\x00" + whole[91:]):
        path.write_bytes(damaged)
        with pytest.raises(WalletFileError):
            read(path)
        assert path.read_bytes() == damaged
    path.write_bytes(whole)
    assert read(path) == b"old"


@clause("Q9")
def test_a_copied_file_opens_with_the_passphrase_only(tmp_path):
    create(tmp_path / "ada.wallet").close()
    copy = tmp_path / "copy.wallet"
    copy.write_bytes((tmp_path / "ada.wallet").read_bytes())
    with pytest.raises(WrongPassphraseError):
        read(copy, "q")
    assert read(copy) == b"old"


# --- Two processes ------------------------------------------------------------------------------


HOLD = """
import secrets, sys
from pathlib import Path
from weid.wallet.store import WalletStore
store, _ = WalletStore.open(Path(sys.argv[1]), passphrase="p", random=secrets.token_bytes)
print("open", flush=True)
sys.stdin.readline()
store.save(b"theirs")
store.close()
print("closed", flush=True)
"""


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@clause("Q10", "IP-29")
def test_a_second_process_waits_and_then_refuses(tmp_path):
    path = tmp_path / "ada.wallet"
    create(path).close()
    with start(HOLD, path) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(WalletInUseError) as caught:
            read(path)
        assert "Close the other" in caught.value.hint
        other.stdin.write("\n")
        other.stdin.flush()
        # It closes while we wait for it: the wait is long enough, and ends as soon as it can.
        store, contents = WalletStore.open(
            path, passphrase="p", random=secrets.token_bytes, wait=30
        )
        assert contents == b"theirs"
        store.save(b"ours")
        store.close()
    assert read(path) == b"ours"


@clause("Q10", "IP-29")
def test_a_killed_process_leaves_no_lock(tmp_path):
    path = tmp_path / "ada.wallet"
    create(path).close()
    with start(HOLD, path) as other:
        assert other.stdout.readline() == "open\n"
        other.kill()
        other.wait()
        assert read(path) == b"old"


@clause("Q10", "IP-29")
def test_a_wallet_that_is_open_cannot_be_made_again(tmp_path):
    path = tmp_path / "ada.wallet"
    store = create(path)
    with pytest.raises(WalletInUseError):
        create(path)
    store.close()


@clause("IP-29")
def test_a_closed_store_saves_nothing(tmp_path):
    path = tmp_path / "ada.wallet"
    store = create(path)
    store.close()
    store.close()
    with pytest.raises(WalletFileError, match="closed"):
        store.save(b"new")
    assert read(path) == b"old"


# --- Kills and full disks ------------------------------------------------------------------------

# The child dies by SIGKILL just before or just after the n-th call of a system function of a save.
KILLED = """
import os, secrets, signal, sys
from pathlib import Path
from weid.wallet.store import WalletStore
path, name, nth, when = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
store, _ = WalletStore.open(path, passphrase="p", random=secrets.token_bytes)
real, calls = getattr(os, name), 0
def dying(*arguments, **options):
    global calls
    calls += 1
    if calls == nth and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = real(*arguments, **options)
    if calls == nth and when == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return result
setattr(os, name, dying)
store.save(b"new" * 100_000)
print("saved", flush=True)
"""
PLACES = {
    "before the temporary file is made": ("open", 1, "before", "old"),
    "after the temporary file is made": ("open", 1, "after", "old"),
    "before the temporary file is synced": ("fsync", 1, "before", "old"),
    "after the temporary file is synced": ("fsync", 1, "after", "old"),
    "before the rename": ("replace", 1, "before", "old"),
    "after the rename": ("replace", 1, "after", "new"),
    "before the folder is synced": ("fsync", 2, "before", "new"),
    "after the folder is synced": ("fsync", 2, "after", "new"),
}


@clause("Q10", "IP-28")
@pytest.mark.parametrize(("name", "nth", "when", "holds"), PLACES.values(), ids=PLACES)
def test_a_kill_leaves_the_old_file_or_the_new(tmp_path, name, nth, when, holds):
    path = tmp_path / "ada.wallet"
    create(path).close()
    with start(KILLED, path, name, nth, when) as child:
        out, _ = child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert out == ""
    assert read(path) == (b"old" if holds == "old" else b"new" * 100_000)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["ada.wallet", "ada.wallet.lock"]


FAILING = """
import errno, os, secrets, sys
from pathlib import Path
from weid.errors import WalletFileError
from weid.wallet.store import WalletStore
path, name, nth = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store, _ = WalletStore.open(path, passphrase="p", random=secrets.token_bytes)
real, calls = getattr(os, name), 0
def failing(*arguments, **options):
    global calls
    calls += 1
    if calls == nth:
        raise OSError(errno.ENOSPC, "No space left on device")
    return real(*arguments, **options)
setattr(os, name, failing)
for contents in (b"new", b"newer"):
    try:
        store.save(contents)
        print("saved")
    except WalletFileError as error:
        print(error.message.split(":")[-1].strip())
"""


@clause("Q10", "IP-28")
@pytest.mark.parametrize(
    ("name", "nth", "told", "holds"),
    {
        "a full disk": ("fsync", 1, ["No space left on device", "saved"], b"newer"),
        "a rename that fails": ("replace", 1, ["No space left on device", "saved"], b"newer"),
        "a folder that cannot be synced": (
            "fsync",
            2,
            ["No space left on device", "the wallet is closed"],
            b"new",
        ),
    }.values(),
)
def test_a_failed_save_says_so_and_breaks_nothing(tmp_path, name, nth, told, holds):
    path = tmp_path / "ada.wallet"
    create(path).close()
    with start(FAILING, path, name, nth) as child:
        out, _ = child.communicate()
    assert out.splitlines() == told
    assert read(path) == holds
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["ada.wallet", "ada.wallet.lock"]


@clause("IP-28")
def test_a_new_passphrase_takes_the_place_of_the_old(tmp_path):
    path = tmp_path / "ada.wallet"
    store = create(path)
    store.change_passphrase("q", b"old")
    store.save(b"new")
    store.close()
    with pytest.raises(WrongPassphraseError):
        read(path)
    assert read(path, "q") == b"new"


@clause("IP-28")
def test_leftovers_of_others_are_not_touched(tmp_path):
    path = tmp_path / "a[1].wallet"
    create(path).close()
    ours = tmp_path / ".a[1].wallet.00.tmp"
    theirs = tmp_path / ".b.wallet.00.tmp"
    for file in (ours, theirs):
        file.touch()
    (tmp_path / ".a[1].wallet.11.tmp").mkdir()
    assert read(path) == b"old"
    assert not ours.exists()
    assert theirs.exists()
