"""Places where bytes are: paths of this machine, and URIs of object stores.

`parse` turns what somebody typed into a `Path` or a `Remote`; both have a `name`, a `parent`, and
take another name with `/`, so that most code need not care which one it has. `stores` asks an
object store what it holds, `streams` reads from it. Credentials are never part of a place.
"""

from __future__ import annotations

from registry.places.naming import STDIN, Place, Remote, expand, parse, relative, shown

__all__ = ["STDIN", "Place", "Remote", "expand", "parse", "relative", "shown"]
