"""Bad files: what cannot be opened, decompressed or told apart."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import socket
import tarfile
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from tests.bad_inputs.case import Case, Make, both, lines, nothing, put, tar_of

LINES: Final = b"".join(b'{"text": "line %d of a file, written slowly"}\n' % n for n in range(999))
REGISTER: Final = "register data --name x"
BROKEN: Final = r"truncated or damaged.*fetch it again"


def cut(content: bytes, by: int = 40) -> bytes:
    """Return a file whose end got lost on the way."""
    return content[:-by]


def parquet(rows: int = 2000) -> bytes:
    """Return a Parquet file with checksums of its pages."""
    table = pa.table({"text": [f"text {n} of a person" for n in range(rows)]})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, write_page_checksum=True, use_dictionary=False)
    return buffer.getvalue()


def zstd(content: bytes) -> bytes:
    """Return bytes compressed as zstd."""
    return bytes(pa.compress(content, "zstd"))


def flipped(content: bytes, position: int) -> bytes:
    """Return bytes with one of them changed."""
    return content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]


def arrow() -> bytes:
    """Return an Arrow file."""
    table = pa.table({"text": [f"text {n} of a person" for n in range(2000)]})
    buffer = io.BytesIO()
    with pa.ipc.new_file(buffer, table.schema) as writer:
        writer.write_table(table, max_chunksize=500)
    return buffer.getvalue()


def link(name: str, target: str) -> Make:
    """Make a symbolic link."""

    def make(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).symlink_to(target)

    return make


def fifo(folder: Path) -> None:
    """Make a pipe that nobody writes to: who opens it waits for ever."""
    os.mkfifo(folder / "data.jsonl")


def listening(folder: Path) -> None:
    """Make a socket."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("data.jsonl")


def not_utf8(folder: Path) -> None:
    """Make a file whose name is Latin-1."""
    (folder / "data").mkdir()
    (folder / os.fsdecode(b"data/gr\xfc\xdfe.jsonl")).write_bytes(LINES)


def bomb(folder: Path) -> None:
    """Make an archive of 300 KB with 300 MB in it."""
    with gzip.open(folder / "data.tar.gz", "wb", 6) as file:
        member = tarfile.TarInfo("a.txt")
        member.size = 300 << 20
        file.write(member.tobuf())
        for _ in range(300):
            file.write(bytes(1 << 20))


def blank(folder: Path) -> None:
    """Make a compressed file of 300 KB with 300 MB of blank lines in it."""
    with gzip.open(folder / "data.jsonl.gz", "wb", 6) as file:
        for _ in range(300):
            file.write(b" " * (1 << 20) + b"\n")


FILES: Final = (
    Case("a path that does not exist", nothing, "register gone.jsonl --name x",
         r"`\S+/gone\.jsonl` does not exist", "check the path"),
    Case("a file without content", put("data.jsonl", ""), "register data.jsonl --name x",
         r"there is no document in `\S+data\.jsonl`", "the right files"),
    Case("a file of blank lines", put("data.jsonl", "\n \n\n"), "register data.jsonl --name x",
         r"there is no document in `\S+data\.jsonl`", "the right files"),
    Case("an empty folder", lambda folder: (folder / "data").mkdir(), REGISTER,
         r"there are no files to read in `\S+data`", "name a folder or files"),
    Case("a folder of cards and hidden files", both(put("data/README.md", "a"), put("data/.b", "")),
         REGISTER, r"there are no files to read in `\S+data` besides cards", "name a folder or files"),
    Case("Parquet without rows", put("data.parquet", parquet(0)), "register data.parquet --name x",
         r"there is no document in `\S+data\.parquet`", "the right files"),
    Case("a folder that is called like a file", lambda folder: (folder / "x.jsonl").mkdir(),
         "register x.jsonl --name x", r"there are no files to read in `\S+x\.jsonl`", "name a folder or files"),
    Case("a name that does not tell the format", put("data.dat", "a"), "register data.dat --name x",
         r"the name of `\S+data\.dat` does not tell its format", r"--format .*jsonl"),
    Case("text beside records", both(put("data/a.txt", "a"), lines("data/b.jsonl", {"text": "b"})),
         REGISTER, r"`\S+data` holds text files, such as `\S+a\.txt`, beside jsonl files, such as"
         r" `\S+b\.jsonl`", "name the files to read"),
    Case("a link in a circle of folders", both(lines("data/a.jsonl", {"text": "a"}),
         link("data/b", "../data")), REGISTER, r"`\S+data/b` is a link back to `\S+data`",
         "remove the link"),
    Case("a link to itself", link("data/a.jsonl", "a.jsonl"), REGISTER,
         r"`\S+data/a\.jsonl` is a link that leads nowhere", "remove or repair the link"),
    Case("a dangling link", link("data/a.jsonl", "gone"), REGISTER,
         r"`\S+data/a\.jsonl` is a link that leads nowhere", "remove or repair the link"),
    Case("a pipe", fifo, "register data.jsonl --name x",
         r"`\S+data\.jsonl` is neither a file nor a folder", "write its content to a file"),
    Case("a socket", listening, "register data.jsonl --name x",
         r"`\S+data\.jsonl` is neither a file nor a folder", "write its content to a file"),
    Case("a device", nothing, "register /dev/zero --format text --name x",
         r"`/dev/zero` is neither a file nor a folder", "write its content to a file"),
    Case("a file name of 300 characters", nothing, f"register {'n' * 300}.txt --name x",
         r"`\S+n\.txt` cannot be read: File name too long", "check the path"),
    Case("a file name that is not UTF-8", not_utf8, REGISTER,
         r"the name `\S+gr..e\.jsonl` is not valid UTF-8", "rename the file"),
    # What breaks off, or is something else.
    Case("gzip that breaks off", put("data.jsonl.gz", cut(gzip.compress(LINES))),
         "register data.jsonl.gz --name x", r"`\S+data\.jsonl\.gz` cannot be decompressed as gzip",
         BROKEN),
    Case("zstd that breaks off", put("data.jsonl.zst", cut(zstd(LINES))),
         "register data.jsonl.zst --name x", r"`\S+data\.jsonl\.zst` cannot be decompressed as zstd",
         BROKEN),
    Case("bzip2 that breaks off", put("data.jsonl.bz2", cut(bz2.compress(LINES))),
         "register data.jsonl.bz2 --name x", r"`\S+data\.jsonl\.bz2` cannot be decompressed as bz2",
         BROKEN),
    Case("xz that breaks off", put("data.jsonl.xz", cut(lzma.compress(LINES))),
         "register data.jsonl.xz --name x", r"`\S+data\.jsonl\.xz` cannot be decompressed as xz",
         BROKEN),
    Case("plain text called gzip", put("data.jsonl.gz", LINES), "register data.jsonl.gz --name x",
         r"`\S+data\.jsonl\.gz` cannot be decompressed as gzip", BROKEN),
    Case("an empty file called gzip", put("data.jsonl.gz", b""), "register data.jsonl.gz --name x",
         r"`\S+data\.jsonl\.gz` cannot be decompressed as gzip: it is empty", BROKEN),
    Case("Parquet that breaks off", put("data.parquet", cut(parquet())),
         "register data.parquet --name x", r"`\S+data\.parquet` cannot be read as Parquet", "fetch"),
    Case("Parquet with a damaged footer", put("data.parquet", flipped(parquet(), -6)),
         "register data.parquet --name x", r"`\S+data\.parquet` cannot be read as Parquet", "fetch"),
    Case("Parquet with a damaged page", put("data.parquet", flipped(parquet(), 5000)),
         "register data.parquet --name x", r"`\S+data\.parquet` cannot be read as Parquet", "fetch"),
    Case("an empty file called Parquet", put("data.parquet", b""),
         "register data.parquet --name x", r"`\S+data\.parquet` cannot be read as Parquet", "fetch"),
    Case("Arrow that breaks off", put("data.arrow", cut(arrow())),
         "register data.arrow --name x", r"`\S+data\.arrow` cannot be read as Arrow", "fetch"),
    Case("compressed Parquet", put("data.parquet.gz", gzip.compress(parquet())),
         "register data.parquet.gz --name x", r"`\S+data\.parquet\.gz` is a compressed Parquet",
         "decompress it"),
    # Archives.
    Case("tar that breaks off", put("data.tar", tar_of(("a.jsonl", LINES))[:9000]),
         "register data.tar --name x", r"`\S+data\.tar` cannot be read as a tar archive", BROKEN),
    Case("compressed tar that breaks off",
         put("data.tar.gz", cut(gzip.compress(tar_of(("a.jsonl", LINES))))),
         "register data.tar.gz --name x", r"`\S+data\.tar\.gz` cannot be decompressed as gzip",
         BROKEN),
    Case("something else called tar", put("data.tar", LINES), "register data.tar --name x",
         r"`\S+data\.tar` cannot be read as a tar archive", BROKEN),
    Case("tar without files", put("data.tar", tar_of()), "register data.tar --name x",
         r"`\S+data\.tar` holds no files to read", "right archive"),
    Case("a member that leads out of its archive", put("data.tar", tar_of(("../a.txt", b"a"))),
         "register data.tar --name x", r"the member `\S+data\.tar!\.\./a\.txt` .*leads out",
         "do not trust"),
    Case("a member with a path from the root", put("data.tar", tar_of(("/etc/a.txt", b"a"))),
         "register data.tar --name x", r"the member `\S+data\.tar!/etc/a\.txt` .*leads out",
         "do not trust"),
    Case("an archive in an archive", put("data.tar", tar_of(("a.tar", tar_of(("b.txt", b"b"))))),
         "register data.tar --name x", r"`\S+data\.tar!a\.tar` is an archive in an archive",
         "extract the outer one"),
    Case("a member that does not tell its format", put("data.tar", tar_of(("a.dat", b"a"))),
         "register data.tar --name x", r"the name of `\S+data\.tar!a\.dat` does not tell its format",
         "--format"),
    Case("a compressed file that is a bomb", blank, "register data.jsonl.gz --name x",
         r"`\S+data\.jsonl\.gz` decompresses to more than 300 times its size", "if you trust it"),
    Case("an archive that is a bomb", bomb, "register data.tar.gz --name x",
         r"`\S+data\.tar\.gz` decompresses to more than 300 times its size", "if you trust it"),
)  # fmt: skip
