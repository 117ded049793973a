"""Picture files opened on behalf of the server, in the worker, so that no decoder ever runs in the server itself.

Formats come from an allow-list and are told by content; size and frames are limited before anything is decoded.
Pillow is loaded inside the functions only. Paths come from the server, which has checked them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import UserError, brief

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["check_picture", "mask", "metadata", "picture"]

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
MAX_PIXELS = 64 * 2**20  # of all frames together
MAX_FRAMES = 64
MAX_TEXT = 4 * 2**20  # characters of all text chunks
QUALITY = 90
_COMPRESS = 4  # zlib level of ComfyUI's SaveImage
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, KeyError, TypeError, IndexError, OverflowError)


def check_picture(_arguments: Mapping[str, Any], blob: memoryview) -> tuple[Any, bytes]:
    """Decode the picture in `blob` wholly; answer {"format", "type", "width", "height", "frames"}.

    Raises UserError F010.
    """
    with _opened(io.BytesIO(blob), "upload") as file:
        frames = 0
        for frames in range(1, MAX_FRAMES + 2):
            if frames > MAX_FRAMES or file.width * file.height * frames > MAX_PIXELS:
                raise _too_large(file, frames, "upload")
            file.load()
            try:
                file.seek(frames)
            except EOFError:
                break
        kind = file.format or ""
        return {
            "format": kind.lower(),
            "type": f"image/{kind.lower()}",
            "width": file.width,
            "height": file.height,
            "frames": frames,
        }, b""


def picture(arguments: Mapping[str, Any], _blob: memoryview) -> tuple[Any, bytes]:
    """Encode the file `path` anew; answer {"type"} and the bytes.

    channel: "rgb" drops transparency, "a" gives it alone, "rgba" or None keep the picture. preview: "webp" or "jpeg",
    with a quality as in "webp;90"; None encodes as PNG. Raises UserError F010.
    """
    path, channel, preview = arguments["path"], arguments.get("channel"), arguments.get("preview")
    kind, quality = _preview(preview)
    with _opened(path, _name(path)) as file:
        shown = _channel(file, channel)
        buffer = io.BytesIO()
        if kind == "png":
            shown.save(buffer, "PNG", compress_level=_COMPRESS)
        else:
            if kind == "jpeg" or shown.mode not in ("RGB", "RGBA"):
                shown = shown.convert("RGB" if kind == "jpeg" or not _has_alpha(shown) else "RGBA")
            shown.save(buffer, kind.upper(), quality=quality)
    return {"type": f"image/{kind}"}, buffer.getvalue()


def mask(arguments: Mapping[str, Any], blob: memoryview) -> tuple[Any, bytes]:
    """Give the picture `path` the transparency of the picture in `blob`; answer {} and a PNG with the texts of `path`.

    Raises UserError F010, also when their sizes differ.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    path = arguments["path"]
    with _opened(path, _name(path)) as original, _opened(io.BytesIO(blob), "mask") as drawn:
        if original.size != drawn.size:
            raise _unfit("mask", f"{original.width}x{original.height} as the picture", f"{drawn.width}x{drawn.height}")
        joined = original.convert("RGBA")
        joined.putalpha(drawn.convert("RGBA").getchannel("A"))
        info = PngInfo()
        for name, value in _texts(original).items():
            info.add_text(name, value)
        buffer = io.BytesIO()
        assert isinstance(joined, Image.Image)
        joined.save(buffer, "PNG", pnginfo=info, compress_level=_COMPRESS)
    return {}, buffer.getvalue()


def metadata(arguments: Mapping[str, Any], _blob: memoryview) -> tuple[Any, bytes]:
    """Answer {"format", "width", "height", "text": {name: text}} of the file `path`. Raises UserError F010."""
    path = arguments["path"]
    with _opened(path, _name(path)) as file:
        file.load()  # texts may stand behind the picture
        return {
            "format": (file.format or "").lower(),
            "width": file.width,
            "height": file.height,
            "text": _texts(file),
        }, b""


@contextmanager
def _opened(source: Any, where: str) -> Iterator[Image]:
    """Open a picture whose first frame is small enough; whatever Pillow raises meanwhile becomes UserError F010."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(source, formats=FORMATS) as file:
            if file.width * file.height > MAX_PIXELS:
                raise _too_large(file, 1, where)
            yield file
            if sum(len(text) for text in _texts(file).values()) > MAX_TEXT:
                raise _unfit(where, f"at most {MAX_TEXT:,} characters of text", "more")
    except UnidentifiedImageError as error:
        raise _unfit(where, f"a picture: one of {', '.join(FORMATS)}", "another kind of file") from error
    except (*_DAMAGED, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _unfit(where, "a whole picture", brief(str(error)) or type(error).__name__) from error


def _texts(file: Image) -> dict[str, str]:
    return {str(name): str(value) for name, value in getattr(file, "text", file.info).items() if isinstance(value, str)}


def _channel(file: Image, channel: str | None) -> Image:
    from PIL import Image

    if channel == "rgb":
        return file.convert("RGB")
    if channel == "a":
        alone = Image.new("RGBA", file.size)
        alone.putalpha(file.convert("RGBA").getchannel("A"))
        return alone
    return file.convert("RGBA") if channel == "rgba" else file


def _has_alpha(picture: Image) -> bool:
    return "A" in picture.getbands() or "transparency" in picture.info


def _preview(text: str | None) -> tuple[str, int]:
    """Return format and quality of "webp;90"; whatever is no JPEG is WebP, as clients send what they like."""
    if not text:
        return "png", QUALITY
    kind, _, quality = text.partition(";")
    number = int(quality) if quality.isascii() and quality.isdigit() and len(quality) < 4 else QUALITY
    return ("jpeg" if kind in ("jpeg", "jpg") else "webp"), min(100, max(1, number))


def _name(path: str) -> str:
    return f'picture "{path.replace(chr(92), "/").rpartition("/")[2]}"'


def _too_large(file: Image, frames: int, where: str) -> UserError:
    got = f"{frames} of {file.width}x{file.height}"
    return _unfit(where, f"at most {MAX_FRAMES} frames and {MAX_PIXELS >> 20} megapixels in all", got)


def _unfit(where: str, expected: str, got: str) -> UserError:
    return UserError("F010", where, expected, got, "Save it again from a picture editor.")
