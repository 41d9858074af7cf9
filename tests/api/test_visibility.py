"""Nothing tells of a hidden dataset: two registries that differ in hidden ones only answer alike."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from registry.core.caller import OPERATOR, PUBLIC
from registry.core.dataset import Origin, Role, Visibility
from registry.core.digest import sha256_hex
from registry.core.evidence import DateInterval, DateKind
from registry.core.lineage import EdgeKind
from tests.api.test_app import ROUTES
from tests.world import START, World, migrate

if TYPE_CHECKING:
    from tests.api.conftest import Ask

HIDDEN = ("team/secret", "team/open-not", "hidden/plans")
SHARED_TEXT = "Said in both."


def at(world: World, minute: float) -> None:
    """Set the clock, so that what is hidden takes no time."""
    world.clock.now = START + dt.timedelta(minutes=minute)


def fill(world: World, *, hidden: bool) -> list[str]:
    """Record what everybody may see, and among it what only some may; return hidden roots."""
    roots = []
    everybody: dict[str, Any] = {
        "visibility": Visibility.PUBLIC,
        "origin": Origin.HUMAN,
        "license": "MIT",
    }
    at(world, 1)
    world.register("team/open", [SHARED_TEXT, "By a person."], **everybody)
    at(world, 2)
    world.register("alone", ["Another."], **everybody)
    at(world, 3)
    world.export({"sources": ["team/open", "alone"]}, "open")
    if hidden:
        at(world, 4)
        secret: dict[str, Any] = {
            "visibility": Visibility.PRIVATE,
            "origin": Origin.AI,
            "license": "secret",
        }
        early = (DateInterval.parse(DateKind.PUBLISHED, "1999"),)
        world.register("team/secret", [SHARED_TEXT, "Secret."], keep=True, dates=early, **secret)
        world.role("team/secret", Role.PROTECTED)
        at(world, 5)
        inside: dict[str, Any] = {"visibility": Visibility.INTERNAL, "origin": Origin.HUMAN}
        world.register("team/open-not", [SHARED_TEXT], **inside)
        at(world, 6)
        world.register("hidden/plans", ["Plans."], visibility=Visibility.PRIVATE)
        world.claim("team/open-not", Origin.PROGRAMMATIC, where=[SHARED_TEXT])
        world.resolve(world.dispute("team/secret", Origin.HUMAN), "rejected")
        world.dispute("team/open-not", Origin.ASSISTED)
        at(world, 7)
        world.derive("team/open", "team/secret", EdgeKind.FILTERED, note="from the secret one")
        world.derive("hidden/plans", "team/open", EdgeKind.MERGED)
        at(world, 8)
        recipes = [{"sources": ["team/open", "team/secret"]}, {"sources": ["hidden/plans"]}]
        roots = [
            world.export(recipe, f"hidden-{number}").snapshot_root
            for number, recipe in enumerate(recipes)
        ]
    at(world, 20)
    world.register("team/open", [SHARED_TEXT, "By a person.", "More."], **everybody)
    at(world, 21)
    world.register("zeta", ["Last."], **everybody)
    at(world, 22)
    world.derive("team/open@2", "alone", EdgeKind.MERGED)
    at(world, 23)
    world.resolve(world.dispute("team/open@2", Origin.AI, where=["More."]), "rejected")
    world.dispute("team/open@2", Origin.ASSISTED, where=["More."])
    return roots


@pytest.fixture
def twins(
    prepared_url: Callable[[Callable[[str], None]], str], tmp_path: Path, ask: Ask
) -> Iterator[tuple[TestClient, TestClient, World, list[str]]]:
    """Anybody's clients of a registry without and with hidden datasets, and the latter's roots."""
    with ExitStack() as stack:
        plain, full = (
            stack.enter_context(World(prepared_url(migrate), tmp_path / name))
            for name in ("plain", "full")
        )
        fill(plain, hidden=False)
        roots = fill(full, hidden=True)
        yield ask(plain, PUBLIC), ask(full, PUBLIC), full, roots


def paths(client: TestClient, hidden_roots: list[str]) -> list[str]:
    """Return every path that the answers lead to, and those of what is hidden."""
    found = ["/healthz", "/openapi.json", "/v1/lookup", *CHECKED]
    found += ["/v1/log/checkpoint", "/v1/log/tile/0/000", "/v1/log/tile/0/000.p/4"]
    for text in (SHARED_TEXT, "Secret.", "Plans.", "By a person.", "Nowhere."):
        found.append(f"/v1/documents/{sha256_hex(text.encode())}")
    for query in (
        "", "ref=team/open&ref=alone", "ref=team/open@1&ref=team/open@2", "ref=team/open",
        "ref=all", "ref=ai", "ref=human", "ref=evals", "ref=team/secret&ref=team/open",
        "ref=hidden/plans", "ref=hidden/plan",
    ):  # fmt: skip
        found.append(f"/v1/overlap?{query}")
    lists = ["/v1/datasets", "/v1/snapshots", "/v1/disputes", "/v1/conflicts"]
    for ref in ("team/open", "team/secret", "hidden/plans", "team/open@1"):
        lists += [f"/v1/disputes?ref={ref}", f"/v1/conflicts?ref={ref}"]
    lists += ["/v1/datasets?as_of=log:1", "/v1/datasets?as_of=2025-03-01"]
    for query in (
        "q=e", "q=secret", "namespace=hidden", "namespace=team", "origin=ai", "origin=human",
        "origin=unknown", "origin=programmatic", "license=MIT", "license=secret",
        "visibility=private", "visibility=internal", "visibility=public",
        "after=hidden/plans", "after=team/open-not", "after=team/secret",
    ):  # fmt: skip
        lists.append(f"/v1/datasets?{query}")
    names = [item["dataset"] for item in client.get("/v1/datasets").json()["items"]]
    assert names == ["local/alone", "local/zeta", "team/open"]
    near = ["team/secre", "team/open-no", "hidden/plan", "team/opem"]
    for name in [*names, *HIDDEN, *near]:
        base = f"/v1/datasets/{name}"
        found.append(base)
        lists += [f"{base}/history", f"{base}/versions"]
        for number in (1, 2, 3):
            found += [f"{base}/versions/{number}", f"{base}/versions/{number}/lineage"]
            lists += [f"{base}/versions/{number}/{part}" for part in ("claims", "duplicates")]
            found += [
                f"{base}/versions/{number}/first-seen{query}" for query in ("", "?before=2021")
            ]
    roots = [item["snapshot_root"] for item in client.get("/v1/snapshots").json()["items"]]
    assert len(roots) == 1
    for root in [*roots, *hidden_roots, "0" * 64]:
        found += [f"/v1/snapshots/{root}", f"/v1/snapshots/{root}/certificate"]
        lists.append(f"/v1/snapshots?after={root}")
    for path in lists:
        found += [path, f"{path}{'&' if '?' in path else '?'}limit=1"]
    return found


CHECKED: Final = {
    f"/v1/checks?{word}": {"texts": [SHARED_TEXT, "Secret.", "Plans.", "Last."], "against": [word]}
    for word in ("all", "ai", "human", "protected", "evals", "team/secret", "hidden/plans", "zeta")
}
"""What is asked with `POST`; the question after the path only tells one from another."""


def certificates(client: TestClient) -> dict[str, str]:
    """Return the digests of certificates, each with what stands for it.

    A certificate names the root of its registry's log, whose entries are salted: no two registries
    have the same one. All else in it must be equal.
    """
    found = [item["certificate"] for item in client.get("/v1/snapshots").json()["items"]]
    return {digest: f"{number:064}" for number, digest in enumerate(found, 1)}


def comparable(client: TestClient, path: str) -> tuple[int, dict[str, str], bytes]:
    known = certificates(client)
    asked = CHECKED.get(path)
    for digest, name in known.items():
        path = path.replace(name, digest)
    answer = client.post("/v1/checks", json=asked) if asked else client.get(path)
    headers, body = dict(answer.headers), answer.content
    if path.endswith("/certificate") and answer.status_code == 200:
        said = json.loads(base64.b64decode(answer.json()["payload"]))
        said["predicate"]["log"]["checkpoint"].pop("root")
        body = json.dumps(said).encode()
        # The file's size is the same; its name for caches is that of its bytes.
        headers.pop("etag")
    for digest, name in known.items():
        if digest.encode() in body:
            body = body.replace(digest.encode(), name.encode())
            headers.pop("etag", None)
    return answer.status_code, headers, body


def test_two_registries_that_differ_in_what_is_hidden_answer_alike(
    twins: tuple[TestClient, TestClient, World, list[str]],
) -> None:
    plain, full, _, roots = twins
    seen, waiting = set[str](), paths(full, roots)
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        expected, found = comparable(plain, path), comparable(full, path)
        assert found == expected, path
        following = re.search(rb'"next":"([^"]+)"', found[2])
        if following:
            waiting.append(following[1].decode())
    unseen = [route.name for route in ROUTES if not any(reaches(route, path) for path in seen)]
    assert unseen == [], "no answer of these was compared"


def reaches(route: APIRoute, path: str) -> bool:
    return route.path_regex.match(path.partition("?")[0]) is not None


def test_a_hidden_dataset_is_answered_like_one_that_does_not_exist(
    twins: tuple[TestClient, TestClient, World, list[str]],
) -> None:
    _, full, _, roots = twins
    for tail in ("", "/history", "/versions", "/versions/1", "/versions/1/claims"):
        there = full.get(f"/v1/datasets/hidden/plans{tail}")
        nothing = full.get(f"/v1/datasets/hidden/plane{tail}")
        assert there.status_code == nothing.status_code == 404
        assert there.text == nothing.text.replace("plane", "plans")
    for root in roots:
        there, nothing = full.get(f"/v1/snapshots/{root}"), full.get(f"/v1/snapshots/{'0' * 64}")
        assert there.status_code == nothing.status_code == 404
        assert there.text == nothing.text.replace("0" * 64, root)


def test_the_operator_sees_all_of_it(
    twins: tuple[TestClient, TestClient, World, list[str]], ask: Ask
) -> None:
    _, public, world, roots = twins
    operator = ask(world, OPERATOR)
    names = [item["dataset"] for item in operator.get("/v1/datasets").json()["items"]]
    assert set(HIDDEN) < set(names)
    for root in roots:
        assert operator.get(f"/v1/snapshots/{root}/certificate").status_code == 200
    path = "/v1/datasets/team/open/versions/1"
    everything, some = operator.get(path).json(), public.get(path).json()
    assert (everything["contested"], some["contested"]) == (1, 0)
    assert (len(everything["snapshots"]), len(some["snapshots"])) == (2, 1)
    assert (len(everything["lineage"]["from"]), len(some["lineage"]["from"])) == (1, 0)


def test_a_damaged_table_of_a_hidden_dataset_is_nobody_else_s_error(
    twins: tuple[TestClient, TestClient, World, list[str]], ask: Ask
) -> None:
    from registry.query import catalogue

    _, public, world, _ = twins
    with world.database.read() as session:
        (place,) = catalogue.locations(session, world.version("team/secret"))
    for file in world.store.documents(place.uid).iterdir():
        file.write_bytes(b"damaged")
    path = "/v1/datasets/team/open/versions/1"
    assert ask(world).get(path).status_code == 409
    assert public.get(path).status_code == 200
