"""testdata/audio: files that are cut short, lie about their size or shape, or are something else."""
import math
import random
import struct

from containers import PCM_GUID, extensible, fact, floats, rf64, signal, wav
from dsp import chunk, fmt, pcm16, riff, wav16, wav_mulaw

GIB4 = 0xFFFFFFF0


def cut(put):
    whole = wav16(signal(1), 8000)  # header 44 bytes, then 2000 samples
    put("truncated_in_riff_header.wav", whole[:7], "7 bytes")
    put("truncated_in_fmt.wav", whole[:30], "ends 10 bytes into the fmt body")
    put("truncated_in_chunk_header.wav", whole[:41], "ends inside the size of the data chunk")
    put("truncated_after_data_header.wav", whole[:44], "data claims 4000 bytes, none follow")
    put("truncated_in_data_mono_8k.wav", whole[:44 + 2400], "data claims 2000 samples, 1200 follow")
    put("truncated_in_sample_mono_8k.wav", whole[:44 + 2401], "1200 samples and half of another")
    put("truncated_in_frame_stereo_8k.wav", wav16(signal(2), 8000)[:44 + 4002], "1000 frames and one channel of another")
    put("empty.wav", b"", "0 bytes")
    put("no_fmt.wav", riff(chunk(b"data", b"\0" * 16)), "data without fmt")
    put("no_data.wav", riff(chunk(b"fmt ", fmt(1, 1, 8000, 16))), "fmt without data")
    put("fmt_after_data.wav", riff(chunk(b"data", b"\0" * 16), chunk(b"fmt ", fmt(1, 1, 8000, 16))), "chunks in the wrong order")


def lying(put):
    mono, pcm = fmt(1, 1, 8000, 16), pcm16(signal(1)[0])
    put("fmt_claims_4gib.wav", riff(chunk(b"fmt ", mono, GIB4), chunk(b"data", pcm[:32])), "fmt of 4 GiB - 16")
    put("list_claims_4gib.wav", riff(chunk(b"fmt ", mono), chunk(b"LIST", b"INFO", GIB4)), "48 bytes, LIST of 4 GiB - 16")
    put("data_claims_4gib.wav", riff(chunk(b"fmt ", mono), chunk(b"data", pcm[:32], GIB4)), "data of 4 GiB - 16, 16 samples follow")
    put("rf64_data_claims_16eib.wav", rf64(mono, pcm[:32], 16, (1 << 64) - 2), "ds64 claims 2^64 - 2 bytes")
    put("rf64_without_ds64.wav", b"RF64" + riff(chunk(b"fmt ", mono), chunk(b"data", pcm[:32]))[4:], "RF64 without ds64")
    put("rf64_ds64_too_short.wav", b"RF64\xff\xff\xff\xffWAVE" + chunk(b"ds64", b"\0" * 12), "ds64 of 12 bytes")
    put("fmt_too_short.wav", riff(chunk(b"fmt ", mono[:14]), chunk(b"data", pcm[:32])), "fmt of 14 bytes")
    put("two_fmt_chunks_that_differ.wav",
        riff(chunk(b"fmt ", mono), chunk(b"fmt ", fmt(1, 2, 16000, 16)), chunk(b"data", pcm[:32])), "mono 8 kHz, then stereo 16 kHz")
    put("thousand_empty_chunks.wav", riff(chunk(b"fmt ", mono), *[chunk(b"junk", b"")] * 1000), "no data behind 8 kB of headers")


def shapes(put):
    pcm = pcm16(signal(1)[0])[:64]

    def one(name, form, note, data=pcm):
        put(name, riff(chunk(b"fmt ", form), chunk(b"data", data)), note)
    one("rate_0.wav", fmt(1, 1, 0, 16), "0 Hz")
    one("rate_1.wav", fmt(1, 1, 1, 16), "1 Hz")
    one("rate_4294967295.wav", struct.pack("<HHIIHH", 1, 1, 0xFFFFFFFF, 0, 2, 16), "2^32 - 1 Hz")
    one("channels_0.wav", fmt(1, 0, 8000, 16), "no channel")
    one("channels_64.wav", fmt(1, 64, 8000, 16), "64 channels, two frames of zeros", b"\0" * 256)
    one("channels_65535.wav", struct.pack("<HHIIHH", 1, 65535, 8000, 0, 65534, 16), "65535 channels")
    one("bits_0.wav", fmt(1, 1, 8000, 0), "0 bits per sample")
    one("bits_12.wav", struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 12), "12 bits per sample")
    one("bits_64_pcm.wav", fmt(1, 1, 8000, 64), "integer PCM of 64 bits")
    one("block_align_0.wav", struct.pack("<HHIIHH", 1, 1, 8000, 16000, 0, 16), "block align 0, 16 bit mono")
    one("block_align_3.wav", struct.pack("<HHIIHH", 1, 1, 8000, 24000, 3, 16), "block align 3, 16 bit mono")
    one("tag_1234.wav", fmt(0x1234, 1, 8000, 16), "unknown format tag")
    one("tag_ima_adpcm.wav", struct.pack("<HHIIHHHH", 0x11, 1, 8000, 4055, 256, 4, 2, 505), "IMA ADPCM, not supported", b"\0" * 256)
    one("tag_gsm610.wav", struct.pack("<HHIIHHHH", 0x31, 1, 8000, 1625, 65, 0, 2, 320), "GSM 06.10, not supported", b"\0" * 65)
    one("extensible_unknown_guid.wav", extensible(1, 1, 8000, 16, 16, 4)[:-14] + PCM_GUID[::-1], "sub-format of an unknown GUID")
    one("extensible_fmt_too_short.wav", fmt(0xFFFE, 1, 8000, 16), "WAVE_FORMAT_EXTENSIBLE in 16 bytes")
    one("extensible_25_valid_bits_in_24.wav", extensible(1, 1, 8000, 24, 25, 4), "more valid bits than bits", b"\0" * 96)


def levels(put):
    put("silent_8k.wav", wav16([[0.0] * 8000], 8000), "1 s of zeros")
    put("silent_call_mulaw_stereo_8k.wav", wav_mulaw([[0.0] * 8000] * 2, 8000), "1 s of zeros on two channels")
    square = [1.0 if i % 40 < 20 else -1.0 for i in range(8000)]
    put("all_clipped_8k.wav", wav16([square], 8000), "1 s, every sample at full scale, 200 Hz")
    put("dc_offset_8k.wav", wav16([[0.25 + 0.1 * v for v in signal(1)[0]]], 8000), "440 Hz on an offset of 0.25")
    odd = [0.5, math.nan, math.inf, -math.inf, 1e30, -0.5, 5e-39, 0.25]
    put("float32_nan_and_inf.wav", wav(fmt(3, 1, 8000, 32, b"\0\0"), floats([odd[:4] + [3e38] + odd[5:]], "f"), fact(8)),
        "0.5, NaN, +Inf, -Inf, 3e38, -0.5, 5e-39, 0.25")
    put("float32_above_full_scale_8k.wav", wav(fmt(3, 1, 8000, 32, b"\0\0"), floats([[4 * v for v in signal(1)[0]]], "f"), fact(2000)),
        "440 Hz, peak 2.0")
    put("float64_beyond_float32.wav", wav(fmt(3, 1, 8000, 64, b"\0\0"), floats([[0.5, 1e300, -1e300, 5e-324]], "d"), fact(4)),
        "0.5, 1e300, -1e300, 5e-324")


def strangers(put):
    put("text_renamed.wav", b"Call notes, 12 March. The customer rang about a late delivery.\n" * 3, "plain text")
    put("html_renamed.wav", b"<!DOCTYPE html><html><body>404 Not Found</body></html>\n", "a web server's error page")
    put("zeros_100_bytes.wav", b"\0" * 100, "100 zero bytes")
    put("random_4096_bytes.wav", random.Random(7).randbytes(4096), "seeded random bytes")
    put("riff_avi_renamed.wav", riff(chunk(b"LIST", b"hdrl"), form=b"AVI "), "RIFF of another form")
    rifx = b"RIFX" + struct.pack(">I", 52) + b"WAVEfmt " + struct.pack(">IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    put("rifx_big_endian.wav", rifx + b"data" + struct.pack(">I", 16) + b"\0\1" * 8, "RIFX, not supported")
    put("riff_magic_only.wav", b"RIFF", "4 bytes")


def make(write):
    def put(name, data, note):
        write(f"audio/{name}", data, note)
    for part in (cut, lying, shapes, levels, strangers):
        part(put)
