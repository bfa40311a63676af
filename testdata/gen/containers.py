"""testdata/audio: well-formed files of every container, encoding and chunk layout that the reader meets.

All hold the same quarter second: channel 0 is 440 Hz at -6 dBFS, channel 1 is
1 kHz at -12 dBFS, so that a swapped channel, a wrong width or a wrong byte order
is seen at once.
"""
import array
import math
import struct

from dsp import FFMPEG, chunk, db, fmt, interleave, mulaw_byte, pcm16, riff, run, to_int, wav16, wav_mulaw

SECONDS = 0.25
PCM_GUID = bytes.fromhex("000000001000800000aa00389b71")  # the part of KSDATAFORMAT_SUBTYPE_* after the 2-byte tag


def signal(channels, rate=8000, seconds=SECONDS):
    parts = ((440, -6.0), (1000, -12.0))
    return [[db(level) * math.sin(2 * math.pi * f * i / rate) for i in range(round(seconds * rate))]
            for f, level in parts[:channels]]


def ints(x, bits):
    """Little-endian signed integers of 24 or 32 bits."""
    return b"".join(v.to_bytes(bits // 8, "little", signed=True) for v in to_int(interleave(x), 1 << (bits - 1)))


def floats(x, code):
    return array.array(code, interleave(x)).tobytes()


def alaw(x):
    """G.711 A-law codes of x, encoded by ffmpeg."""
    return run(FFMPEG + ["-f", "s16le", "-ar", "8000", "-ac", "1", "-i", "-", "-f", "alaw", "-"], pcm16(interleave(x)))


def mulaw(x):
    return bytes(mulaw_byte(s) for s in to_int(interleave(x), 32768))


def extensible(tag, channels, rate, bits, valid, mask):
    """fmt body of WAVE_FORMAT_EXTENSIBLE: cbSize 22, valid bits, speaker mask, sub-format GUID."""
    return fmt(0xFFFE, channels, rate, bits, struct.pack("<HHIH", 22, valid, mask, tag) + PCM_GUID)


def fact(n):
    return chunk(b"fact", struct.pack("<I", n))


def wav(form, data, *before, after=b""):
    return riff(chunk(b"fmt ", form), *before, chunk(b"data", data), after)


def rf64(form, data, samples, size=None):
    """EBU Tech 3306: the 32-bit sizes read 0xFFFFFFFF and ds64 holds the true ones."""
    tail = chunk(b"fmt ", form) + chunk(b"data", data, 0xFFFFFFFF)
    whole = 4 + 36 + len(tail)  # "WAVE", the ds64 chunk, the rest
    body = struct.pack("<QQQI", whole, len(data) if size is None else size, samples, 0)
    return b"RF64\xff\xff\xff\xffWAVE" + chunk(b"ds64", body) + tail


def encodings(write):
    one, two = signal(1), signal(2)
    n = len(one[0])
    u8 = bytes(v + 128 for v in to_int(one[0], 128))
    write("pcm_u8_mono_8k.wav", wav(fmt(1, 1, 8000, 8), u8), "PCM 8 bit, unsigned")
    write("pcm_s16le_mono_8k.wav", wav16(one, 8000), "PCM 16 bit")
    write("pcm_s16le_stereo_8k.wav", wav16(two, 8000), "PCM 16 bit, two channels")
    write("pcm_s24le_mono_8k.wav", wav(fmt(1, 1, 8000, 24), ints(one, 24)), "PCM 24 bit")
    write("pcm_s32le_mono_8k.wav", wav(fmt(1, 1, 8000, 32), ints(one, 32)), "PCM 32 bit")
    write("float32_mono_8k.wav", wav(fmt(3, 1, 8000, 32, b"\0\0"), floats(one, "f"), fact(n)), "IEEE float 32")
    write("float64_mono_8k.wav", wav(fmt(3, 1, 8000, 64, b"\0\0"), floats(one, "d"), fact(n)), "IEEE float 64")
    write("alaw_mono_8k.wav", wav(fmt(6, 1, 8000, 8, b"\0\0"), alaw(one), fact(n)), "G.711 A-law")
    write("alaw_stereo_8k.wav", wav(fmt(6, 2, 8000, 8, b"\0\0"), alaw(two), fact(n)), "G.711 A-law, two channels")
    write("mulaw_mono_8k.wav", wav_mulaw(one, 8000), "G.711 mu-law")
    write("mulaw_stereo_8k.wav", wav_mulaw(two, 8000), "G.711 mu-law, two channels")
    codes = bytes(range(256))
    write("mulaw_all_256_codes_8k.wav", wav(fmt(7, 1, 8000, 8, b"\0\0"), codes, fact(256)), "codes 0x00 to 0xFF in order")
    write("alaw_all_256_codes_8k.wav", wav(fmt(6, 1, 8000, 8, b"\0\0"), codes, fact(256)), "codes 0x00 to 0xFF in order")
    for name, rate in (("16k", 16000), ("22k05", 22050), ("24k", 24000), ("32k", 32000), ("44k1", 44100), ("48k", 48000)):
        write(f"pcm_s16le_mono_{name}.wav", wav16(signal(1, rate, 0.1), rate), f"0.1 s at {rate} Hz")


def layouts(write):
    one, two = signal(1), signal(2)
    n, pcm = len(one[0]), pcm16(one[0])
    mono = fmt(1, 1, 8000, 16)
    wide = fmt(1, 1, 8000, 16, b"\0\0")
    write("extensible_pcm_s16le_stereo_8k.wav", wav(extensible(1, 2, 8000, 16, 16, 3), pcm16(interleave(two))),
          "WAVE_FORMAT_EXTENSIBLE")
    write("extensible_20_valid_bits_in_24_mono_8k.wav",
          wav(extensible(1, 1, 8000, 24, 20, 4), ints([[round(v * 2**19) / 2**19 for v in one[0]]], 24)),
          "20 valid bits, left-aligned in 24")
    write("extensible_float32_mono_8k.wav", wav(extensible(3, 1, 8000, 32, 32, 4), floats(one, "f"), fact(n)),
          "sub-format IEEE float")
    write("extensible_mulaw_mono_8k.wav", wav(extensible(7, 1, 8000, 8, 8, 4), mulaw(one), fact(n)), "sub-format mu-law")
    write("extensible_alaw_mono_8k.wav", wav(extensible(6, 1, 8000, 8, 8, 4), alaw(one), fact(n)), "sub-format A-law")
    write("fmt_18_bytes_pcm_8k.wav", wav(wide, pcm), "PCM with cbSize 0")
    write("rf64_pcm_s16le_mono_8k.wav", rf64(mono, pcm, n), "RF64 with ds64")
    odd = chunk(b"LIST", b"INFOISFT\x05\0\0\0abcde")  # 17 bytes and a pad byte
    write("odd_chunk_before_data_8k.wav", wav(mono, pcm, odd), "LIST of 17 bytes, padded")
    write("odd_chunk_between_riff_and_fmt_8k.wav",
          riff(chunk(b"JUNK", b"\0" * 27), chunk(b"fmt ", mono), chunk(b"data", pcm)), "JUNK of 27 bytes before fmt")
    write("odd_data_length_u8_8k.wav", wav(fmt(1, 1, 8000, 8), bytes([128, 255, 128, 1, 64]), after=chunk(b"LIST", b"INFO")),
          "5 samples, a pad byte, then LIST")
    write("unknown_chunks_8k.wav", wav(mono, pcm, chunk(b"bext", b"\0" * 602), chunk(b"x\0y\xff", b"abc")),
          "bext and a chunk with an unprintable name")
    write("list_after_data_8k.wav", wav(mono, pcm, after=chunk(b"LIST", b"INFOICMT\x04\0\0\0call")), "LIST behind the audio")
    write("garbage_after_riff_8k.wav", wav(mono, pcm) + b"\x07" * 33, "33 bytes behind the RIFF chunk")
    write("two_data_chunks_8k.wav", wav(mono, pcm[:1000], after=chunk(b"data", pcm[1000:])), "500 samples, then 1500")
    stream = b"RIFF" + struct.pack("<I", 0) + b"WAVE" + chunk(b"fmt ", mono)
    write("data_length_0_streamed_8k.wav", stream + chunk(b"data", pcm, 0),
          "RIFF and data sizes 0, audio to the end of the file: a live recorder that never came back")
    stream = b"RIFF\xff\xff\xff\xffWAVE" + chunk(b"fmt ", mono)
    write("data_length_ffffffff_streamed_8k.wav", stream + chunk(b"data", pcm, 0xFFFFFFFF), "sizes 0xFFFFFFFF, as ffmpeg pipes")
    write("rf64_data_length_0_streamed_8k.wav", rf64(mono, pcm, 0, 0), "RF64 whose ds64 was never filled in")
    write("zero_samples_8k.wav", wav(mono, b""), "data chunk of length 0 and nothing behind it")
    write("one_sample_8k.wav", wav(mono, b"\x00\x40"), "one sample, 0.5")


def raw(write):
    one = signal(1)
    pcm = array.array("h", pcm16(one[0]))
    write("l16le_mono_8k.raw", pcm.tobytes(), "no header, 16 bit little-endian")
    pcm.byteswap()
    write("l16be_mono_8k.raw", pcm.tobytes(), "no header, 16 bit big-endian: L16 of RFC 3551")
    write("mulaw_mono_8k.raw", mulaw(one), "no header, mu-law")
    write("alaw_mono_8k.raw", alaw(one), "no header, A-law")


def make(write):
    def put(name, data, note):
        write(f"audio/{name}", data, note)
    encodings(put)
    layouts(put)
    raw(put)
