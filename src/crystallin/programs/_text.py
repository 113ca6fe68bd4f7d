"""Text of a file in any Unicode encoding, or an error that names the file."""

from __future__ import annotations

import codecs
import gzip
import zlib
from pathlib import Path

GZIP = b"\x1f\x8b"
# first bytes of formats that are not text
FORMATS = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ\x00": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"\x89HDF": "an HDF5 file",
    b"%PDF": "a PDF",
}
# in this order: the mark of UTF-32 begins with that of UTF-16
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def text_of(path: Path, fallback: str | None = None) -> str:
    """Return the text of a plain or gzipped file in UTF-8, or in UTF-16 or UTF-32 with a byte-order mark.

    Parameters
    ----------
    path
        The file. Whether it is compressed is decided by its first bytes, not by its name.
    fallback
        Encoding to try if the file is not UTF-8.

    Raises
    ------
    ValueError
        If the file is empty, truncated, in another format or in another encoding.
    """
    raw = path.read_bytes()
    if raw.startswith(GZIP):
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            msg = f"{path.name!r} is a damaged or incomplete gzip file ({error}); download or compress it again."
            raise ValueError(msg) from error
    for magic, what in FORMATS.items():
        if raw.startswith(magic):
            msg = (
                f"{path.name!r} is {what}, not text; unpack it, or save it as UTF-8 text, plain or compressed by gzip."
            )
            raise ValueError(msg)
    encoding = next((name for mark, name in MARKS.items() if raw.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\x00" in raw:
        msg = (
            f"{path.name!r} holds null bytes, so it is not UTF-8 text (UTF-16 without a byte-order mark?); save it as "
            "UTF-8."
        )
        raise ValueError(msg)
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        if fallback is not None:
            return raw.decode(fallback, errors="replace")
        raise ValueError(_not_text(path, raw, error)) from error
    if not text.strip():
        msg = f"{path.name!r} is empty; give a file with gene sets."
        raise ValueError(msg)
    return text


def lines_of(text: str) -> list[str]:
    """Split text into lines with the line ends of any system; form feeds and Unicode separators do not end a line."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _not_text(path: Path, raw: bytes, error: UnicodeDecodeError) -> str:
    line = len(lines_of(raw[: error.start].decode("latin-1")))
    return (
        f"{path.name!r} is not UTF-8 text: byte 0x{raw[error.start]:02x} in line {line}. Save it as UTF-8; if it comes "
        f"from an older Windows program: text = Path({path.name!r}).read_text(encoding='latin-1'), and write that with "
        "encoding='utf-8'."
    )
