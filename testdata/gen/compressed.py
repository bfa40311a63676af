"""testdata/audio: compressed files, made by ffmpeg from one voice, and Ogg pages cut anew by hand.

The encoders are libopus, libmp3lame and libvorbis; FLAC and G.722 are ffmpeg's own.
"""
import os
import struct
import tempfile

from dsp import FFMPEG, decode, pcm16, peak, run, scaled, interleave
from sources import asterisk

SOURCE = asterisk("en", "vm-newpassword")
SECONDS = 1.5
BITEXACT = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags", "+bitexact"]


def encode(channels, rate_in, rate, args, suffix):
    """File of the given suffix; written to disk, because FLAC and MP3 headers are completed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x" + suffix)
        run(FFMPEG + ["-f", "s16le", "-ar", str(rate_in), "-ac", str(len(channels)), "-i", "-", "-ar", str(rate)]
            + BITEXACT + args + [path], pcm16(interleave(channels)))
        with open(path, "rb") as f:
            return f.read()


def ogg_crc(page):
    """CRC-32 of RFC 3533: polynomial 0x04c11db7, not reflected, no final inversion."""
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc


def ogg_pages(data):
    """(start, end) of each page of an Ogg stream."""
    at = 0
    while at < len(data):
        count = data[at + 26]
        end = at + 27 + count + sum(data[at + 27:at + 27 + count])
        yield at, end
        at = end


def ogg_packets(data):
    """Packets with the granule position of the page on which each ends, last packet of the page only (else None)."""
    packets, part = [], b""
    for at, end in ogg_pages(data):
        granule, count = struct.unpack_from("<q", data, at + 6)[0], data[at + 26]
        body, on_page = at + 27 + count, []
        for size in data[at + 27:at + 27 + count]:
            part += data[body:body + size]
            body += size
            if size < 255:
                on_page.append([part, None])
                part = b""
        if on_page:
            on_page[-1][1] = granule
        packets += on_page
    return packets


def ogg_repage(data, samples_per_packet, segments):
    """The same packets on pages of at most so many segments, so that packets run over page ends.

    The two header packets keep a page each, as RFC 7845 wants.
    """
    packets = ogg_packets(data)
    serial = struct.unpack_from("<I", data, 14)[0]
    final = packets[-1][1]
    lacing = []  # (payload, ends a packet, granule when it does, starts a page)
    for i, (packet, _) in enumerate(packets):
        granule = 0 if i < 2 else min(final, (i - 1) * samples_per_packet)
        pieces = [packet[k:k + 255] for k in range(0, len(packet) + 1, 255)]  # a multiple of 255 ends in an empty piece
        for k, piece in enumerate(pieces):
            lacing.append((piece, k == len(pieces) - 1, granule, i <= 2 and k == 0))
    out, page, sequence, inside = b"", [], 0, False

    def flush(last):
        nonlocal out, page, sequence, inside
        ended = [g for _, end, g, _ in page if end]
        flags = (1 if inside else 0) | (2 if sequence == 0 else 0) | (4 if last else 0)
        head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, ended[-1] if ended else -1, serial, sequence, 0, len(page))
        whole = head + bytes(len(p) for p, *_ in page) + b"".join(p for p, *_ in page)
        out += whole[:22] + struct.pack("<I", ogg_crc(whole)) + whole[26:]
        inside = not page[-1][1]
        page, sequence = [], sequence + 1

    for piece in lacing:
        if page and (len(page) == segments or piece[3]):
            flush(False)
        page.append(piece)
    flush(True)
    return out


def make(write):
    def put(name, data, note, source=SOURCE):
        write(f"audio/{name}", data, note, source)
    wide = decode(SOURCE, 16000)
    x = scaled(wide, 0.5 / peak(wide))[3200:3200 + round(SECONDS * 16000)]
    right = [0.5 * v for v in x[1600:] + x[:1600]]  # half the level and 100 ms earlier, so that channels can be told apart
    put("reference_for_codecs_mono_16k.raw", pcm16(x), "1.5 s of L16 little-endian that all compressed files were made from")
    put("g722_mono_16k.g722", encode([x], 16000, 16000, ["-c:a", "g722", "-f", "g722"], ".g722"), "no header, 64 kb/s")
    put("flac_mono_16k.flac", encode([x], 16000, 16000, ["-c:a", "flac"], ".flac"), "FLAC, 16 bit")
    put("flac_stereo_16k.flac", encode([x, right], 16000, 16000, ["-c:a", "flac"], ".flac"), "FLAC, 16 bit, two channels")
    put("flac_24_bit_mono_16k.flac", encode([x], 16000, 16000, ["-c:a", "flac", "-sample_fmt", "s32"], ".flac"), "FLAC, 24 bit")
    mp3 = encode([x], 16000, 8000, ["-c:a", "libmp3lame", "-b:a", "16k", "-write_xing", "0", "-id3v2_version", "0"], ".mp3")
    put("mp3_mono_8k.mp3", mp3, "MPEG 2.5 layer III, 16 kb/s")
    put("mp3_mono_16k.mp3", encode([x], 16000, 16000, ["-c:a", "libmp3lame", "-b:a", "32k"], ".mp3"),
        "MPEG 2 layer III, 32 kb/s, ID3v2 and Xing header")
    put("mp3_stereo_44k1.mp3", encode([x, right], 16000, 44100, ["-c:a", "libmp3lame", "-b:a", "64k"], ".mp3"),
        "MPEG 1 layer III, joint stereo, 64 kb/s")
    opus = encode([x], 16000, 48000, ["-c:a", "libopus", "-b:a", "64k", "-vbr", "off"], ".opus")
    put("opus_mono_16k.opus", opus, "Ogg Opus of 16 kHz speech, 64 kb/s, 20 ms packets")
    put("opus_mono_16k_packets_span_pages.opus", ogg_repage(opus, 960, 3),
        "the same packets on pages of 3 segments: packets run over page ends, some pages end no packet")
    put("opus_voip_mono_12k.opus", encode([x], 16000, 48000, ["-c:a", "libopus", "-b:a", "12k", "-application", "voip"], ".opus"),
        "12 kb/s, SILK")
    put("opus_stereo.opus", encode([x, right], 16000, 48000, ["-c:a", "libopus", "-b:a", "48k"], ".opus"), "two channels, CELT or hybrid")
    put("opus_60ms_packets.opus", encode([x], 16000, 48000, ["-c:a", "libopus", "-b:a", "16k", "-frame_duration", "60"], ".opus"),
        "60 ms packets")
    put("vorbis_mono_16k.ogg", encode([x], 16000, 16000, ["-c:a", "libvorbis"], ".ogg"), "Ogg, but Vorbis: not supported")
    broken(put, mp3, opus, encode([x[:8000]], 16000, 16000, ["-c:a", "flac"], ".flac"))


def broken(put, mp3, opus, flac):
    pages = list(ogg_pages(opus))
    put("mp3_renamed.wav", mp3, "MP3 content under a .wav name")
    put("mp3_truncated_in_frame.mp3", mp3[:1000], "ends inside a frame")
    put("mp3_id3_claims_256mib.mp3", b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + mp3[:500], "ID3v2 tag of 2^28 - 1 bytes")
    put("flac_truncated_in_frame.flac", flac[:len(flac) * 2 // 3], "ends inside a frame")
    streaminfo = flac.index(b"fLaC") + 8
    word = int.from_bytes(flac[streaminfo + 10:streaminfo + 18], "big") | (1 << 36) - 1
    put("flac_claims_2_36_samples.flac", flac[:streaminfo + 10] + word.to_bytes(8, "big") + flac[streaminfo + 18:],
        "STREAMINFO claims 2^36 - 1 samples, 8000 follow")
    first = pages[2][0]
    put("opus_truncated_in_page.opus", opus[:first + 400], "ends inside the first audio page")
    flip = bytearray(opus)
    flip[first + 300] ^= 0x10
    put("opus_page_crc_wrong.opus", bytes(flip), "one bit of the first audio page turned over")
    spread = ogg_repage(opus, 960, 20)
    cuts = list(ogg_pages(spread))
    put("opus_lost_page.opus", spread[:cuts[4][0]] + spread[cuts[4][1]:], "page 4 is missing, sequence numbers jump")
    head = bytearray(opus[:pages[0][1]])
    head[head.index(b"OpusHead") + 9] = 0
    head[22:26] = b"\0\0\0\0"
    head[22:26] = struct.pack("<I", ogg_crc(bytes(head)))
    put("opus_channels_0.opus", bytes(head) + opus[pages[0][1]:], "OpusHead says 0 channels")
    put("opus_headers_only.opus", opus[:first], "OpusHead and OpusTags, no audio")
