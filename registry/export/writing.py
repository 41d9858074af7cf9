"""Write the files of a snapshot into a folder that nobody sees yet."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from registry import intents, shards
from registry.blobs import Store, sync_folder, sync_tree
from registry.core.certificate import Certificate
from registry.core.manifest import Manifest, shard_name
from registry.db.session import Database
from registry.errors import ConflictError, UnavailableError
from registry.formats import hf_card
from registry.query.layout import Group, Layout
from registry.query.texts import SourceFailedError, TextSource

Clock = Callable[[], dt.datetime]


@dataclass(slots=True)
class Job:
    """Writes the shards of one snapshot into a folder that nobody sees yet."""

    database: Database
    store: Store
    layout: Layout
    folder: Path
    writer: intents.Writer
    clock: Clock
    threads: int
    on_progress: Callable[[int, int], None] | None

    def run(self, envelopes: list[bytes]) -> dict[str, str]:
        """Write all shards and return the SHA-256 of each file.

        A place whose texts are not what was registered is passed over for another one that the
        catalogue knows; only when there is none, the export fails.
        """
        avoid: set[str] = set()
        while True:
            try:
                return self._write(envelopes, avoid)
            except SourceFailedError as error:
                avoid.add(error.uid)
                if not self._has_another_place(error, avoid):
                    raise ConflictError(error.message, hint=error.hint) from error

    def _has_another_place(self, error: SourceFailedError, avoid: set[str]) -> bool:
        return any(place.uid not in avoid for place in self._source(set()).places(error.version))

    def _source(self, avoid: set[str]) -> TextSource:
        return TextSource(
            self.database, self.store, self.folder, avoid=avoid, ahead=self.threads > 1
        )

    def _write(self, envelopes: list[bytes], avoid: set[str]) -> dict[str, str]:
        data = self.folder / "data"
        files: dict[str, str] = {}
        done = 0
        try:
            data.mkdir(parents=True, exist_ok=True)
            texts = self._source(avoid).read(self.layout)
            try:
                for index, groups in enumerate(self.layout.shards):
                    path = self.folder / shard_name(index)
                    with pq.ParquetWriter(
                        path, shards.SCHEMA, **shards.writer_options()
                    ) as parquet:
                        for group in groups:
                            self._write_group(parquet, group, next(texts))
                            done += group.rows
                            intents.renew(self.database, self.writer, now=self.clock())
                            if self.on_progress:
                                self.on_progress(done, self.layout.rows)
                        parquet.add_key_value_metadata({shards.STATEMENT_KEY: envelopes[index]})
                    with path.open("rb") as file:
                        files[shard_name(index)] = hashlib.file_digest(file, "sha256").hexdigest()
            finally:
                texts.close()
        except OSError as error:
            raise UnavailableError(
                f"`{self.folder.parent}` cannot be written: {error.strerror or error}",
                hint="make room on the disk; nothing was recorded",
            ) from error
        return files

    def _write_group(self, parquet: pq.ParquetWriter, group: Group, texts: pa.Array) -> None:
        rows = self.layout.provenance(group)
        table = pa.Table.from_arrays([texts, *rows.columns], schema=shards.SCHEMA)
        parquet.write_table(table, row_group_size=max(1, group.rows))


def write_sidecars(
    folder: Path, manifest: Manifest, certificate: Certificate, envelope: bytes
) -> None:
    """Write manifest, certificate and card, and bring all of the folder to the disk.

    Raises:
        UnavailableError: The disk refused.
    """
    try:
        (folder / "manifest.json").write_bytes(manifest.to_bytes())
        (folder / "certificate.json").write_bytes(envelope)
        (folder / "README.md").write_text(hf_card.card(certificate), "utf-8")
        sync_tree(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise UnavailableError(
            f"`{folder.parent}` cannot be written: {error.strerror or error}",
            hint="make room on the disk; nothing was recorded",
        ) from error
