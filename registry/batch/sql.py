"""The SQL of the batch plane: every text of it, and nothing else.

Each text is one SELECT over views that stand for Parquet files, which an engine's adapter
(`registry.batch.engine`) provides and whose result it writes. They keep to what DuckDB, Spark,
DataFusion and Daft all understand: no `least` or `greatest`, no table or alias named like a
column, no function of our own, sums cast to BIGINT, BIGINT and no unsigned numbers. Nothing is
unnested: each band is a file of its own.

Views and their columns::

    documents   document, side, content_hash, sketched
    texts       text_id, content_hash, mine, theirs, mine_first, theirs_first, sketched
    copies      text_id, document, side, leads
    band        band_key, text_id, in_mine, in_theirs
    ranks       text_id, rank
    buckets     band_key, members, pairs, mine_hub, theirs_hub
    hubs        band_key, hub
    found       left_text, right_text
    candidates  left_text, right_text
    compared    left_text, right_text, similarity, estimate
    verified    the same, accepted
    edges       upper, lower
    ranked      worse, better, similarity, estimate
    components  text_id, cluster
    clusters    document, cluster

A text is a content hash; its id is the smallest document that has it. `mine` and `theirs` are how
many documents on each side do. Within one version all documents are mine, and both `in_mine` and
`in_theirs` are 1.
"""

# ruff: noqa: S608 - what is put into these texts are numbers and texts of this module

from __future__ import annotations

from typing import Final

TEXTS: Final = """
SELECT content_hash, min(document) AS text_id,
       cast(sum(CASE WHEN side = 0 THEN 1 ELSE 0 END) AS BIGINT) AS mine,
       cast(sum(CASE WHEN side = 1 THEN 1 ELSE 0 END) AS BIGINT) AS theirs,
       min(CASE WHEN side = 0 THEN document END) AS mine_first,
       min(CASE WHEN side = 1 THEN document END) AS theirs_first,
       max(sketched) AS sketched
FROM documents GROUP BY content_hash ORDER BY text_id
"""

COPIES: Final = """
SELECT texts.text_id, documents.document, documents.side,
       CASE WHEN documents.document = texts.mine_first
              OR documents.document = texts.theirs_first THEN 1 ELSE 0 END AS leads
FROM texts JOIN documents ON texts.content_hash = documents.content_hash
WHERE texts.mine + texts.theirs > 1
ORDER BY texts.text_id, documents.document
"""


def to_sketch(*, between: bool) -> str:
    """Return the texts that have a signature, in order, with the sides they stand for."""
    flags = (
        "CASE WHEN mine > 0 THEN 1 ELSE 0 END AS in_mine, "
        "CASE WHEN theirs > 0 THEN 1 ELSE 0 END AS in_theirs"
        if between
        else "1 AS in_mine, 1 AS in_theirs"
    )
    return f"SELECT text_id, {flags} FROM texts WHERE sketched = 1 ORDER BY text_id"


def buckets(*, between: bool) -> str:
    """Return the keys of a band that several texts share, with how many pairs those make at most.

    A hub is what the others are compared with where comparing all with all would be too much.
    """
    pairs = (
        "cast(sum(in_mine) AS BIGINT) * cast(sum(in_theirs) AS BIGINT)"
        if between
        else "count(*) * (count(*) - 1) / 2"
    )
    return f"""
SELECT band_key, count(*) AS members, cast({pairs} AS BIGINT) AS pairs,
       min(CASE WHEN in_mine = 1 THEN text_id END) AS mine_hub,
       min(CASE WHEN in_theirs = 1 THEN text_id END) AS theirs_hub
FROM band GROUP BY band_key
HAVING count(*) > 1 AND sum(in_mine) > 0 AND sum(in_theirs) > 0
"""


def hubs(limit: int) -> str:
    """Return for each key that makes too many pairs the text of the lowest rank that has it."""
    return f"""
SELECT best.band_key, ranks.text_id AS hub
FROM (SELECT band.band_key, min(ranks.rank) AS lowest
      FROM band JOIN buckets ON band.band_key = buckets.band_key
      JOIN ranks ON band.text_id = ranks.text_id
      WHERE buckets.pairs > {limit} GROUP BY band.band_key) best
JOIN ranks ON best.lowest = ranks.rank
"""


def found(limit: int, *, ranked: bool) -> str:
    """Return the pairs of texts that share a key of a band; stars where they are too many.

    Args:
        limit: How many pairs are too many.
        ranked: Take hubs for stars from `hubs`; otherwise each is the smallest text.
    """
    stars = (
        "SELECT band.text_id, hubs.hub FROM band JOIN hubs ON band.band_key = hubs.band_key"
        if ranked
        else f"""
      SELECT band.text_id, buckets.mine_hub AS hub
      FROM band JOIN buckets ON band.band_key = buckets.band_key
      WHERE buckets.pairs > {limit} AND band.in_theirs = 1
      UNION ALL
      SELECT band.text_id, buckets.theirs_hub AS hub
      FROM band JOIN buckets ON band.band_key = buckets.band_key
      WHERE buckets.pairs > {limit} AND band.in_mine = 1"""
    )
    return f"""
SELECT one.text_id AS left_text, two.text_id AS right_text
FROM (SELECT band.band_key, band.text_id, band.in_mine, band.in_theirs
      FROM band JOIN buckets ON band.band_key = buckets.band_key
      WHERE buckets.pairs <= {limit}) one
JOIN band two ON one.band_key = two.band_key
WHERE one.text_id < two.text_id
  AND (one.in_mine + two.in_theirs = 2 OR one.in_theirs + two.in_mine = 2)
UNION ALL
SELECT CASE WHEN hub < text_id THEN hub ELSE text_id END AS left_text,
       CASE WHEN hub < text_id THEN text_id ELSE hub END AS right_text
FROM ({stars}) star
WHERE hub <> text_id
"""


def capped(limit: int) -> str:
    """Return how many keys made too many pairs, of how many texts, and how many pairs."""
    return f"""
SELECT count(*), cast(coalesce(sum(members), 0) AS BIGINT),
       cast(coalesce(sum(pairs), 0) AS BIGINT)
FROM buckets WHERE pairs > {limit}
"""


CANDIDATES: Final = """
SELECT DISTINCT left_text, right_text FROM found ORDER BY left_text, right_text
"""

IN_CANDIDATES: Final = """
SELECT text_id FROM (
  SELECT left_text AS text_id FROM candidates UNION SELECT right_text AS text_id FROM candidates
) compared ORDER BY text_id
"""


def verified(threshold: float) -> str:
    """Return the pairs of texts that were compared, with whether they count as near."""
    return f"""
SELECT left_text, right_text, similarity, estimate,
       similarity >= cast({threshold!r} AS DOUBLE) AS accepted
FROM compared
"""


def _document_pairs(*, between: bool) -> str:
    """Return how many pairs of documents a pair of texts stands for."""
    if between:
        return "(one.mine * two.theirs + one.theirs * two.mine)"
    return "(one.mine * two.mine)"


def counted(*, between: bool) -> str:
    """Return pairs of documents by similarity, in steps of a twentieth, and by acceptance."""
    return f"""
SELECT accepted, cast(floor(similarity * 20) AS BIGINT) AS step,
       cast(sum({_document_pairs(between=between)}) AS BIGINT) AS pairs
FROM verified JOIN texts one ON verified.left_text = one.text_id
JOIN texts two ON verified.right_text = two.text_id
GROUP BY accepted, cast(floor(similarity * 20) AS BIGINT)
ORDER BY accepted, step
"""


def exact_counted(*, between: bool) -> str:
    """Return how many texts have copies, and how many pairs of equal documents there are."""
    pairs = "mine * theirs" if between else "mine * (mine - 1) / 2"
    where = "mine > 0 AND theirs > 0" if between else "mine > 1"
    return f"""
SELECT count(*), cast(coalesce(sum({pairs}), 0) AS BIGINT) FROM texts WHERE {where}
"""


TOTALS: Final = """
SELECT cast(coalesce(sum(mine), 0) AS BIGINT), cast(coalesce(sum(theirs), 0) AS BIGINT),
       cast(coalesce(sum(CASE WHEN sketched = 1 THEN 0 ELSE mine + theirs END), 0) AS BIGINT),
       count(*)
FROM texts
"""

RANKED: Final = """
SELECT CASE WHEN one.rank > two.rank THEN one.rank ELSE two.rank END AS worse,
       CASE WHEN one.rank > two.rank THEN two.rank ELSE one.rank END AS better,
       verified.similarity, verified.estimate
FROM verified JOIN ranks one ON verified.left_text = one.text_id
JOIN ranks two ON verified.right_text = two.text_id
WHERE verified.accepted
ORDER BY worse, better
"""

# Components (Kiveris and others, "Connected Components in MapReduce and Beyond", 2014): edges point
# from the larger to the smaller id; two steps in turn until nothing changes leave stars.

EDGES: Final = """
SELECT right_text AS upper, left_text AS lower FROM verified WHERE accepted
"""

EDGES_COUNTED: Final = "SELECT count(*) FROM verified WHERE accepted"

_BOTH_WAYS: Final = """
SELECT upper AS node, lower AS neighbor FROM edges
UNION ALL SELECT lower AS node, upper AS neighbor FROM edges
"""

LARGE_STAR: Final = f"""
SELECT DISTINCT around.neighbor AS upper, least_of.smallest AS lower
FROM ({_BOTH_WAYS}) around
JOIN (SELECT node, CASE WHEN min(neighbor) < node THEN min(neighbor) ELSE node END AS smallest
      FROM ({_BOTH_WAYS}) again GROUP BY node) least_of
  ON around.node = least_of.node
WHERE around.neighbor > around.node
"""

SMALL_STAR: Final = """
SELECT DISTINCT upper, lower FROM (
  SELECT edges.lower AS upper, least_of.smallest AS lower
  FROM edges JOIN (SELECT upper AS node, min(lower) AS smallest FROM edges GROUP BY upper) least_of
    ON edges.upper = least_of.node
  WHERE edges.lower <> least_of.smallest
  UNION ALL
  SELECT upper, min(lower) AS lower FROM edges GROUP BY upper
) stars
"""

STATE: Final = """
SELECT count(*), cast(coalesce(sum(upper), 0) AS VARCHAR), cast(coalesce(sum(lower), 0) AS VARCHAR)
FROM edges
"""

COMPONENTS: Final = """
SELECT upper AS text_id, lower AS cluster FROM edges
UNION SELECT lower AS text_id, lower AS cluster FROM edges
"""


def clusters(*, between: bool) -> str:
    """Return every document that is like another, with the smallest document of its cluster."""
    alike = "mine > 0 AND theirs > 0" if between else "mine > 1"
    return f"""
SELECT members.document, members.cluster FROM (
  SELECT copies.document, coalesce(components.cluster, copies.text_id) AS cluster
  FROM copies JOIN texts ON copies.text_id = texts.text_id
  LEFT JOIN components ON copies.text_id = components.text_id
  WHERE components.cluster IS NOT NULL OR ({alike})
  UNION ALL
  SELECT texts.text_id AS document, components.cluster
  FROM components JOIN texts ON components.text_id = texts.text_id
  WHERE texts.mine + texts.theirs = 1
) members ORDER BY members.cluster, members.document
"""


CLUSTERED: Final = "SELECT count(*), count(DISTINCT cluster) FROM clusters"


def largest(number: int) -> str:
    """Return the clusters with the most documents."""
    return f"""
SELECT cluster, count(*) AS members FROM clusters GROUP BY cluster
ORDER BY members DESC, cluster LIMIT {number}
"""


def members(cluster: int, number: int) -> str:
    """Return the first documents of a cluster."""
    return f"""
SELECT document FROM clusters WHERE cluster = {cluster} ORDER BY document LIMIT {number}
"""


# The listing of pairs of documents.

_HOLDERS: Final = """
SELECT text_id, document, side, leads FROM copies
UNION ALL
SELECT text_id, text_id AS document, CASE WHEN mine > 0 THEN 0 ELSE 1 END AS side, 1 AS leads
FROM texts WHERE mine + theirs = 1
"""


def near_pairs(limit: int, *, between: bool, everything: bool) -> str:
    """Return the pairs of documents that pairs of texts stand for.

    Where copies would make more than `limit` of one, only the first document of each text.
    """
    apart = "AND one_of.side <> two_of.side" if between else ""
    chosen = "" if everything else "AND verified.accepted"
    pairs = _document_pairs(between=between)
    swap = "one_of.side = 1" if between else "one_of.document > two_of.document"
    left, right = (
        f"CASE WHEN {swap} THEN {first} ELSE {second} END"
        for first, second in (
            ("two_of.document", "one_of.document"),
            ("one_of.document", "two_of.document"),
        )
    )
    left_hash, right_hash = (
        f"CASE WHEN {swap} THEN {first}.content_hash ELSE {second}.content_hash END"
        for first, second in (("two", "one"), ("one", "two"))
    )
    return f"""
SELECT {left} AS left_document, {right} AS right_document,
       {left_hash} AS left_hash, {right_hash} AS right_hash,
       verified.similarity, verified.estimate, verified.accepted, 'near' AS kind
FROM verified JOIN texts one ON verified.left_text = one.text_id
JOIN texts two ON verified.right_text = two.text_id
JOIN ({_HOLDERS}) one_of ON one.text_id = one_of.text_id
JOIN ({_HOLDERS}) two_of ON two.text_id = two_of.text_id
WHERE ({pairs} <= {limit} OR one_of.leads + two_of.leads = 2)
  {apart} {chosen}
"""


def exact_pairs(limit: int, *, between: bool) -> str:
    """Return the pairs of documents with equal texts; stars where they are more than `limit`."""
    order = (
        "one_of.side = 0 AND two_of.side = 1" if between else "one_of.document < two_of.document"
    )
    pairs = "texts.mine * texts.theirs" if between else "texts.mine * (texts.mine - 1) / 2"
    return f"""
SELECT one_of.document AS left_document, two_of.document AS right_document,
       texts.content_hash AS left_hash, texts.content_hash AS right_hash,
       cast(1 AS DOUBLE) AS similarity, cast(1 AS DOUBLE) AS estimate,
       true AS accepted, 'exact' AS kind
FROM texts JOIN copies one_of ON texts.text_id = one_of.text_id
JOIN copies two_of ON texts.text_id = two_of.text_id
WHERE {order} AND ({pairs} <= {limit} OR one_of.leads + two_of.leads > 0)
"""


def listing(limit: int, *, between: bool, everything: bool) -> str:
    """Return all pairs of documents in order."""
    return f"""
SELECT left_document, right_document, left_hash, right_hash,
       similarity, estimate, accepted, kind
FROM ({exact_pairs(limit, between=between)}
      UNION ALL {near_pairs(limit, between=between, everything=everything)}) listed
ORDER BY left_document, right_document
"""


def unlisted(limit: int, *, between: bool, everything: bool) -> str:
    """Return for texts with too many copies: how many pairs of texts, how many of documents."""
    exact = "mine * theirs" if between else "mine * (mine - 1) / 2"
    near = _document_pairs(between=between)
    chosen = "" if everything else "WHERE accepted"
    return f"""
SELECT count(*), cast(coalesce(sum(pairs), 0) AS BIGINT) FROM (
  SELECT {exact} AS pairs FROM texts
  UNION ALL
  SELECT {near} AS pairs
  FROM verified JOIN texts one ON verified.left_text = one.text_id
  JOIN texts two ON verified.right_text = two.text_id {chosen}
) counted WHERE pairs > {limit}
"""
