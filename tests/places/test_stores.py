from __future__ import annotations

import pytest

from registry.errors import InvalidInputError, RegistryError, UnavailableError
from registry.places import Remote, stores
from tests.objects import Bucket


def at(bucket: Bucket, key: str = "") -> Remote:
    return Remote("s3", bucket.name, key)


def test_an_object_is_looked_at(bucket: Bucket) -> None:
    bucket.put("a/b.txt", "text")
    info = stores.look(at(bucket, "a/b.txt"))
    assert info is not None
    assert (info.size, bool(info.etag)) == (4, True)
    assert info.mtime_ns is not None
    assert stores.look(at(bucket, "a")) is None
    assert stores.look(at(bucket, "none")) is None


def test_an_etag_changes_with_the_content(bucket: Bucket) -> None:
    bucket.put("a", "text")
    before = stores.look(at(bucket, "a"))
    bucket.put("a", "next")
    after = stores.look(at(bucket, "a"))
    assert before is not None
    assert after is not None
    assert before.etag != after.etag


def test_names_below_are_listed_in_order(bucket: Bucket) -> None:
    for key in ("b/2", "b/1/x", "a", "bc", "b/é %?#*[1]"):
        bucket.put(key, "text")
    assert [item.key for item in stores.below(at(bucket, "b"))] == ["b/1/x", "b/2", "b/é %?#*[1]"]
    assert [item.key for item in stores.below(at(bucket), deep=False)] == ["a", "b", "bc"]
    assert stores.below(at(bucket, "none")) == []


def test_a_pattern_matches_as_in_a_shell(bucket: Bucket) -> None:
    for key in ("a/1.txt", "a/.2.txt", "b/3.txt", "b/c/4.txt", "b/.d/5.txt", "x[1].txt", "x1.txt"):
        bucket.put(key, "text")

    def found(*parts: str) -> list[str]:
        return [item.key for item in stores.matching(at(bucket), list(parts))]

    assert found("*", "*.txt") == ["a/1.txt", "b/3.txt"]
    assert found("[b-z]", "*") == ["b/3.txt", "b/c"]
    assert found("a", ".*") == ["a/.2.txt"]
    assert found("**", "*.txt") == ["x1.txt", "x[1].txt", "a/1.txt", "b/3.txt", "b/c/4.txt"]
    assert found("x%5B1%5D*") == ["x[1].txt"]
    assert found("none*") == []


def test_errors_say_what_and_where(bucket: Bucket) -> None:
    with pytest.raises(InvalidInputError, match="there is no store for `s3://no-such/a`"):
        stores.below(Remote("s3", "no-such", "a"))
    bucket.store.fail(rate=1.0, kinds=("error",))
    with pytest.raises(UnavailableError, match="cannot be reached: AWS Error") as caught:
        stores.look(at(bucket, "a"))
    assert "Request ID" not in caught.value.message
    assert "AWS_ENDPOINT_URL" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("said", "kind", "expected"),
    [
        (
            "When getting information for key 'a: b' in bucket 'c': AWS Error ACCESS_DENIED during"
            " HeadObject operation: No response body. (Request ID: ABC)",
            InvalidInputError,
            "`s3://b/a` may not be used: AWS Error ACCESS_DENIED during HeadObject operation:"
            " No response body",
        ),
        (
            "When listing objects under key '' in bucket 'b': AWS Error UNKNOWN (HTTP status 301)"
            " during ListObjectsV2 operation: no",
            InvalidInputError,
            "`s3://b/a` is in another region: AWS Error UNKNOWN (HTTP status 301) during"
            " ListObjectsV2 operation: no",
        ),
        (
            "When getting information for key 'a' in bucket 'b': AWS Error NETWORK_CONNECTION"
            " during HeadObject operation: curlCode: 28, Timeout was reached",
            UnavailableError,
            "`s3://b/a` cannot be reached: AWS Error NETWORK_CONNECTION during HeadObject"
            " operation: curlCode: 28, Timeout was reached",
        ),
    ],
)
def test_what_a_store_says_is_told_in_short(
    said: str, kind: type[RegistryError], expected: str
) -> None:
    error = stores.told(Remote("s3", "b", "a"), OSError(said))
    assert (type(error), error.message) == (kind, expected)
    assert error.hint


def test_the_environment_says_endpoint_and_region() -> None:
    ask = stores.s3_endpoint
    assert ask({}) == (None, None)
    assert ask({"AWS_DEFAULT_REGION": "eu-west-1"}) == (None, "eu-west-1")
    both = {"AWS_ENDPOINT_URL": "http://a:9000", "AWS_ENDPOINT_URL_S3": "https://b"}
    assert ask(both | {"AWS_REGION": "x"}) == ("https://b", "x")
    for wrong in ("localhost:9000", "ftp://a", "http://user:secret@a"):
        with pytest.raises(InvalidInputError, match="AWS_ENDPOINT_URL is not the address") as error:
            ask({"AWS_ENDPOINT_URL": wrong})
        assert "secret" not in error.value.message
