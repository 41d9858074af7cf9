from __future__ import annotations

import random
import sys
from collections import Counter

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from registry import shards, verify
from registry.verify import Verdict
from tests import snapshots
from tests.snapshots import Snapshot
from tests.verify.making import CONTENT, KEY, codes


def mutate(rng: random.Random, data: bytes) -> tuple[str, bytes]:
    """Change one byte, cut the end off, or insert a few bytes."""
    kind = rng.choice(["byte", "byte", "truncation", "insertion"])
    at = rng.randrange(len(data))
    if kind == "byte":
        return kind, data[:at] + bytes([data[at] ^ rng.randrange(1, 256)]) + data[at + 1 :]
    if kind == "truncation":
        return kind, data[:at]
    return kind, data[:at] + rng.randbytes(rng.randrange(1, 9)) + data[at:]


def damage_files(snap: Snapshot, count: int, seed: int) -> Counter[str]:
    """Damage one file after the other, `count` times; every one must be refused at FILES."""
    rng = random.Random(seed)
    names = [entry.name for entry in snap.certificate.manifest.shards]
    names += ["manifest.json", "certificate.json"]
    tally: Counter[str] = Counter()
    for number in range(count):
        path = snap.path / rng.choice(names)
        original = path.read_bytes()
        kind, bad = mutate(rng, original)
        path.write_bytes(bad)
        report = verify.examine(snap.path, key=KEY)
        assert report.verdict is Verdict.REFUSED, (seed, number, path.name, kind)
        assert all(it.code.startswith("E_") and it.message for it in report.failures)
        assert verify.examine(snap.path, key=None).verdict is Verdict.REFUSED
        tally[report.failures[0].code] += 1
        path.write_bytes(original)
    verify.snapshot(snap.path, key=KEY)
    return tally


def damage_rows(snap: Snapshot, count: int, seed: int) -> Counter[str]:
    """Damage shards; at CONTENT what is accepted must read as the same rows, filtered or not."""
    rng = random.Random(seed)
    tally: Counter[str] = Counter()
    tables = [snapshots.table(part) for part in snap.parts]
    for number in range(count):
        index = rng.randrange(len(snap.shards))
        path = snap.shards[index]
        original = path.read_bytes()
        _, bad = mutate(rng, original)
        path.write_bytes(bad)
        report = verify.examine(snap.path, key=KEY, level=CONTENT)
        assert not report.obstacles, (seed, number)
        tally[report.failures[0].code if report.failures else "accepted"] += 1
        if report.verdict is Verdict.VALID:
            wanted = tables[index]
            assert pq.read_table(path).cast(shards.SCHEMA).equals(wanted), (seed, number)
            for part in (pc.field("version") < 2, pc.field("origin") == "human"):
                found = pq.read_table(path, filters=part).cast(shards.SCHEMA)
                assert found.equals(wanted.filter(part)), (seed, number)
        lone = verify.examine(path, key=KEY)
        assert lone.verdict is not Verdict.UNDECIDED
        path.write_bytes(original)
    return tally


def test_random_damage_is_always_refused(snap: Snapshot) -> None:
    tally = damage_files(snap, 700, seed=1)
    assert tally.total() == 700


def test_random_damage_is_accepted_by_content_only_if_the_rows_are_the_same(
    snap: Snapshot,
) -> None:
    tally = damage_rows(snap, 400, seed=2)
    assert tally["accepted"] < 100


@pytest.mark.slow
def test_much_random_damage_is_always_refused(
    snap: Snapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    files = damage_files(snap, 4000, seed=3)
    rows = damage_rows(snap, 3000, seed=4)
    with capsys.disabled():
        for name, tally in (("files", files), ("content", rows)):
            shown = dict(tally.most_common())
            sys.stdout.write(f"\n{name}: {tally.total():,} changes: {shown}\n")
    assert files.total() >= 3000


def test_every_single_bit_of_a_certificate_counts(snap: Snapshot) -> None:
    path = snap.path / "certificate.json"
    data = path.read_bytes()
    for at in range(0, len(data), 17):
        path.write_bytes(data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :])
        codes(snap.path)
