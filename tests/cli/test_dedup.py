from __future__ import annotations

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from registry.core.dataset import Role
from tests.cli.running import Cli
from tests.world import World

RNG = random.Random(1)
NOVEL = " ".join(f"w{RNG.randrange(10**6)}" for _ in range(200))
TEXTS = [" ".join(f"w{RNG.randrange(10**6)}" for _ in range(30)) for _ in range(4)]


@pytest.fixture(autouse=True)
def home(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTHAND_HOME", str(sqlite_world.home))
    sqlite_world.register("novels", [NOVEL, TEXTS[0]], origin="human", license="CC0-1.0")
    sqlite_world.role("novels", Role.PROTECTED)
    sqlite_world.register("crawl", [f"{NOVEL} more", *TEXTS], origin="ai", license="MIT")


def test_a_plan_that_exceeds_a_budget_exits_3_and_names_the_clusters(
    cli: Cli, sqlite_world: World
) -> None:
    before = sqlite_world.log_size()
    ran = cli("dedup", "novels", "crawl", "--plan")
    assert (ran.code, ran.err) == (3, "")
    first, second, *rest = ran.out.splitlines()
    assert first == "STOPPED   more would go than may of crawl@1; nothing was recorded"
    assert second == "7 documents of 2 versions: 5 stay, 2 go (28.5 %)"
    said = "\n".join(rest)
    assert "novels@1 document 1 (human): 1 document (1 near): crawl@1 1" in said
    assert "protected" in said
    assert "near copies are no evidence" in said
    assert "licenses CC0-1.0, MIT: all of their terms apply" in said
    ran = cli("dedup", "crawl", "novels", "--name", "both", "--json")
    assert (ran.code, ran.json["made"]) == (3, None)
    assert ran.json["exceeded"] == [{"dataset": "local/crawl", "version": 1}]
    assert sqlite_world.log_size() == before


def test_what_is_recorded_is_shown_like_any_version(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "gone.parquet"
    words = ["dedup", "all", "--name", "both", "--budget", "crawl=40%", "--out", str(out)]
    ran = cli(*words)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("both@1   recorded with ")
    assert pq.read_table(out).num_rows == 2
    shown = cli("show", "both").out
    assert "Removed       2 of 7 documents: 1 equal · 1 near   storage/documents/" in shown
    assert "Comes from    local/crawl@1 (deduplicated)" in shown
    record = cli("show", "both", "--json").json["deduplication"]
    assert record["removed"] == {"exact": 1, "near": 1}
    assert [it["protected"] for it in record["inputs"]] == [True, False]
    assert "both@1" in cli("whereis", TEXTS[1]).out
    assert cli("index", "verify").code == 0
    assert cli("db", "check").code == 0
    again = cli("dedup", "novels", "crawl", "--name", "both", "--budget", "crawl=40%")
    assert again.out.startswith("both@1   was made of this before; nothing is new")


def test_either_a_plan_or_a_name(cli: Cli) -> None:
    for more in ([], ["--plan", "--name", "both"]):
        ran = cli("dedup", "novels", *more)
        assert ran.code == 2
        assert "give --plan to see what would go, or --name NAME to record it" in ran.err


def test_a_wrong_budget_is_explained(cli: Cli) -> None:
    ran = cli("dedup", "novels", "--plan", "--budget", "novels=lots", "--json")
    assert ran.code == 1
    assert ran.error["message"] == "`novels=lots` is not a budget"
