"""A camera for the browser: a still picture as an uncompressed video that Chromium plays in a loop."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT, FRAMES = 1280, 960, 4


def write_video(picture: bytes, path: Path) -> None:
    """Write a PNG, centred on grey, as a YUV4MPEG2 film."""
    frame = Image.new("L", (WIDTH, HEIGHT), 150)
    code = Image.open(io.BytesIO(picture)).convert("L")
    side = min(HEIGHT - 80, code.width)
    code = code.resize((side, side), Image.Resampling.LANCZOS)
    frame.paste(code, ((WIDTH - side) // 2, (HEIGHT - side) // 2))
    grey = b"\x80" * (WIDTH * HEIGHT // 4)
    body = b"FRAME\n" + frame.tobytes() + grey + grey
    path.write_bytes(
        f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n".encode() + body * FRAMES
    )
