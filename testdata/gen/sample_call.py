"""testdata/calls/sample-call.wav: a customer rings for help, grows upset, and is relieved in the end.

Both voices are the actors of the Czech edition of Fish Fillets NG: the big fish is
the agent, the small one the customer. The recorder stands at the agent's side: what
the agent's leg sends out, ringback and music on hold too, is on channel 0.
"""
import dsp
from call import AGENT, CUSTOMER, Keys, Line, Tone, build, reference
from dsp import RATE, decode, peak, scaled, telephone, wav_mulaw
from sounds import cadence
from sources import fillets, fillets_music

GAIN_DB = (-5.0, -4.5)       # before the take's own gain_db; the customer's takes are louder
NOISE_DBFS = (-60.0, -53.0)
MUSIC = fillets_music("rybky06")  # of the same game, so that one licence covers the whole call
MUSIC_AT_S, MUSIC_S = 22, 11.5


def hold_music():
    x = telephone(decode(MUSIC, RATE)[MUSIC_AT_S * RATE:round((MUSIC_AT_S + MUSIC_S) * RATE)])
    x = scaled(x, dsp.db(-25) / dsp.rms(x))
    for k in range(RATE // 20):  # 50 ms in and out
        x[k] *= k / (RATE / 20)
        x[-1 - k] *= k / (RATE / 20)
    return x


def agent(level, take, does, **options):
    return Line(AGENT, source=fillets("cs", level, take), does=does, **options)


def customer(level, take, does, **options):
    return Line(CUSTOMER, source=fillets("cs", level, take), does=does, **options)


def script():
    return [
        Tone(AGENT, gap_ms=400, kind="ringback", samples=cadence([425], (1.0,), -20.0)),
        agent("submarine", "zr-v-halo", "greets, asks whether the line works", gap_ms=1400, gain_db=-4),
        customer("propulsion", "poh-m-dobryden1", "greets politely and asks for help", gap_ms=700),
        agent("turtle", "zel-v-coto2", "asks what happened", gap_ms=500),
        customer("briefcase", "kuf-m-je", "sighs that it happened again", gap_ms=600),
        customer("stairs", "sch-m-spadlo", "says that something fell", gap_ms=450),
        agent("crabshow", "sec-v-ktery", "asks which one", gap_ms=-350, overlap="early_start"),
        customer("crabshow", "sec-m-dole1", "says which one", gap_ms=300),
        agent("start", "1st-v-znovu", "explains which key to press", gap_ms=800),
        customer("briefcase", "kuf-m-pravda", "agrees while the agent talks", into_ms=1870, overlap="backchannel"),
        Keys(CUSTOMER, gap_ms=2530, keys="2749"),
        customer("bathroom", "br-m-nefunguje", "says that it does not work", gap_ms=900),
        agent("corridor", "ch-v-pockej0", "asks to wait, will look for the switch", gap_ms=700),
        Tone(AGENT, gap_ms=500, kind="hold_music", samples=hold_music(), source=MUSIC),
        customer("start", "1st-m-proc", "asks herself why nothing happens, during the music", into_ms=6200),
        agent("labyrinth", "bl-v-nevim0", "is back, does not know yet", gap_ms=5000, gain_db=2),
        customer("corridor", "ch-m-rozsvit1", "asks what the agent thinks he is doing", gap_ms=400),
        agent("start", "1st-v-najit", "explains another way, is cut short", gap_ms=1100, cut_ms=1700),
        customer("engine", "mot-m-zvuky0", "interrupts, shouting to turn it off", into_ms=1050, overlap="interruption"),
        agent("cabin1", "k1-v-promin", "apologises", gap_ms=800),
        customer("engine", "mot-m-nemuzu0", "shouts over the apology", gap_ms=-600, overlap="interruption"),
        customer("pavement", "dir-m-rada3", "says that her patience is at an end", gap_ms=700),
        agent("corridor", "ch-v-neboj2", "calms her", gap_ms=1300),
        agent("briefcase", "kuf-v-restart", "proposes a restart", gap_ms=500, gain_db=2),
        customer("corridor", "ch-m-blik2", "is relieved that it works again", gap_ms=4300),
        customer("corridor", "ch-m-blik1", "says how glad she is", gap_ms=600),
        agent("engine", "mot-v-konecne1", "is relieved too, both begin to talk", gap_ms=-250, overlap="early_start"),
        customer("music", "ves-m-dik", "thanks", gap_ms=500),
        agent("cabin1", "k1-v-radose", "says that it was no trouble", gap_ms=400),
        customer("wreck", "pot-m-dik", "thanks again", gap_ms=600),
        agent("pyramid", "pyr-v-sbohem", "says goodbye", gap_ms=900, gain_db=3),
    ]


def make(write):
    events = script()
    tracks = build(events, GAIN_DB, NOISE_DBFS, 900, 101)
    loudest = max(peak(t) for t in tracks)
    if loudest >= 1:
        raise SystemExit(f"sample_call: peak {loudest:.3f} of full scale, want below 1")
    data = wav_mulaw(tracks, RATE)
    ref = reference("sample-call.wav", "support call in Czech; channel 0 agent (man), channel 1 customer (woman)",
                    events, data, len(tracks[0]), GAIN_DB, NOISE_DBFS)
    source = fillets("cs", "*", "*")  # the reference names each take
    write("calls/sample-call.wav", data, f"{len(tracks[0]) / RATE:.1f} s, two channels, mu-law, agent and customer; the reference names each take", source, MUSIC)
    write("calls/sample-call.ref.json", ref, "what is truly in sample-call.wav")
