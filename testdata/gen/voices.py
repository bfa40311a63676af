"""testdata/audio/voice_*: real voices at 16 and at 8 kHz: three women, three men, and a man in a hall."""
from dsp import decode, peak, scaled, wav16
from sources import asterisk, fillets, sphinx

# file stem -> source; all are recorded at 16 kHz or more, so the 16 kHz files hold true wide-band speech
VOICES = {
    "voice_female_en": asterisk("en", "vm-newpassword"),
    "voice_female_fr": asterisk("fr", "dir-nomore"),
    "voice_female_ru": asterisk("ru", "dir-nomatch"),
    "voice_male_it": asterisk("it", "vm-nobodyavail"),
    "voice_male_en": sphinx("librivox/sense_and_sensibility_01_austen_64kb-0930.wav"),
    "voice_male_en_digits": sphinx("numbers.raw"),
    "voice_male_cs_reverb": fillets("cs", "elk", "deu-v-radsi"),
}

EDGE_S = 0.1     # silence kept around the speech
FLOOR_DB = 35    # frames this far below the loudest 20 ms frame are silence
PEAK = 0.5       # of full scale, so that no conversion clips


def speech_bounds(x, rate, floor_db=FLOOR_DB):
    """First and last sample of the 20 ms frames within floor_db of the loudest one."""
    hop = rate // 50
    power = [sum(v * v for v in x[i:i + hop]) for i in range(0, len(x) - hop + 1, hop)]
    limit = max(power) * 10 ** (-floor_db / 10)
    loud = [i for i, p in enumerate(power) if p > limit]
    return loud[0] * hop, (loud[-1] + 1) * hop


def make(write):
    for stem, source in VOICES.items():
        wide = decode(source, 16000)
        start, end = speech_bounds(wide, 16000)
        pad = round(EDGE_S * 16000)
        # The cut falls on an even sample, so both files hold the same instants.
        start, end = max(0, start - pad) & ~1, min(len(wide), end + pad) & ~1
        gain = PEAK / peak(wide)
        narrow = decode(source, 8000)
        note = f"{(end - start) / 16000:.2f} s"
        write(f"audio/{stem}_16k.wav", wav16([scaled(wide[start:end], gain)], 16000), f"{note}, 16 kHz PCM 16", source)
        write(f"audio/{stem}_8k.wav", wav16([scaled(narrow[start // 2:end // 2], gain)], 8000),
              "the same, 8 kHz PCM 16", source)
