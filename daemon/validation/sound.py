"""Sound without a signature: MPEG frames that are recognised by each leading to the next."""

from __future__ import annotations

_BITRATES_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_BITRATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def is_mp3(head: bytes) -> bool:
    """Whether an MPEG layer III frame leads to another (ISO/IEC 11172-3, 2.4.1.3)."""
    length = _mp3_frame(head[:4])
    return length > 0 and _mp3_frame(head[length : length + 4]) > 0


def _mp3_frame(header: bytes) -> int:
    """Bytes in the frame with this header; 0 if it is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version = header[1] >> 3 & 3
    bitrate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version not in _RATES or bitrate in (0, 15) or rate == 3:
        return 0
    first = version == 3
    kilobits = (_BITRATES_1 if first else _BITRATES_2)[bitrate]
    return (144 if first else 72) * kilobits * 1000 // _RATES[version][rate] + padding


def is_aac(head: bytes) -> bool:
    """Whether an ADTS frame leads to another (ISO/IEC 13818-7, 6.2)."""
    length = _adts_frame(head[:7])
    return length > 0 and _adts_frame(head[length : length + 7]) > 0


def _adts_frame(header: bytes) -> int:
    """Bytes in the frame with this header; 0 if it is none."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return 0
    if header[2] >> 2 & 15 > 12:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0
