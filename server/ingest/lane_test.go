package ingest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/interaction"
)

// newFakeCall returns a call with one track, which nothing has opened.
func newFakeCall(tracks int) *fakeCall {
	return &fakeCall{calls: newFakeCalls(), tracks: make([][]float32, tracks)}
}

func newTestLane(t *testing.T) (*lane, *fakeCall) {
	t.Helper()
	c := newFakeCall(1)
	l, err := newLane(0, c, "pcm_s16le", 8000, &clock{}, &counters{})
	if err != nil {
		t.Fatal(err)
	}
	return l, c
}

// ramp returns the samples of chunk n: 160 values that no other chunk has.
func ramp(n int) []float32 {
	x := make([]float32, 160)
	for i := range x {
		x[i] = float32(n*160+i+1) / 32768
	}
	return x
}

func chunkOf(t *testing.T, n int) chunk {
	t.Helper()
	payload, err := audio.Encode(nil, "pcm_s16le", ramp(n))
	if err != nil {
		t.Fatal(err)
	}
	return chunk{number: int64(n + 1), ms: int64(n * 20), payload: payload}
}

// TestChunksFindTheirPlace shuffles chunks within the window, repeats some and leaves some out, and holds that every sample that
// came stands at its own time and that the rest is silence.
func TestChunksFindTheirPlace(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 200 {
		l, call := newTestLane(t)
		const n = 60
		lost := map[int]bool{}
		for range r.IntN(6) {
			lost[1+r.IntN(n-2)] = true
		}
		order := make([]int, 0, 2*n)
		for i := range n {
			if !lost[i] {
				order = append(order, i)
			}
		}
		for i := 0; i+4 < len(order); i += 4 { // within 4 of its place
			r.Shuffle(4, func(a, b int) { order[i+a], order[i+b] = order[i+b], order[i+a] })
		}
		if round%2 == 0 {
			order = slices.Insert(order, 10, order[9])
		}
		for _, i := range order {
			if err := l.push(t.Context(), chunkOf(t, i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		var want []float32
		for i := range n {
			if lost[i] {
				want = append(want, make([]float32, 160)...)
			} else {
				want = append(want, ramp(i)...)
			}
		}
		if !slices.Equal(call.tracks[0], want) {
			t.Fatalf("round %d: lost %v, order %v: %d samples, want %d, or they are not in their place", round, lost, order, len(call.tracks[0]), len(want))
		}
		if got := l.count.gaps.Load(); len(lost) > 0 && got == 0 || len(lost) == 0 && got > 0 {
			t.Errorf("round %d: %d gaps counted, %d chunks lost", round, got, len(lost))
		}
	}
}

func TestLaneTimestamps(t *testing.T) {
	unix := int64(1705312200000)
	for _, c := range []struct {
		name   string
		chunks []chunk // payloads are filled in
		want   string  // the call's notes
	}{
		{"jitter_is_no_gap", []chunk{{1, 0, nil}, {2, 33, nil}, {3, 47, nil}}, "write 0: 480 samples"},
		{"a_late_track", []chunk{{1, 4000, nil}, {2, 4020, nil}}, "skip 0: 32000 samples lost; write 0: 320 samples"},
		{"unix_time", []chunk{{1, unix, nil}, {2, unix + 20, nil}, {3, unix + 1040, nil}}, "write 0: 320 samples; skip 0: 8000 samples lost; write 0: 160 samples"},
		{"no_timestamps", []chunk{{1, -1, nil}, {2, -1, nil}, {5, -1, nil}}, "write 0: 480 samples"},
		{"no_numbers", []chunk{{-1, 0, nil}, {-1, 20, nil}, {-1, 1040, nil}}, "write 0: 320 samples; skip 0: 8000 samples lost; write 0: 160 samples"},
		{"a_jump_of_years", []chunk{{1, 0, nil}, {2, unix, nil}, {3, unix + 20, nil}}, "write 0: 160 samples; warn track 0: timestamp 1705312199980 ms ahead of the audio, taken for a new clock; write 0: 320 samples"},
		{"a_counter_that_starts_again", []chunk{{5000, 0, nil}, {5001, 20, nil}, {1, 40, nil}, {2, 60, nil}}, "write 0: 640 samples"},
		{"numbers_at_the_limit", []chunk{{1<<63 - 1, 0, nil}, {1<<63 - 2, 20, nil}}, "write 0: 320 samples"},
		{"the_second_comes_first", []chunk{{2, 20, nil}, {1, 0, nil}, {3, 40, nil}}, "write 0: 480 samples"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, call := newTestLane(t)
			for _, ch := range c.chunks {
				ch.payload = make([]byte, 320)
				if err := l.push(t.Context(), ch); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(call.notes(), "; "); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestLaneHoldsLittle holds that a chunk that never comes keeps back no more than the window.
func TestLaneHoldsLittle(t *testing.T) {
	l, _ := newTestLane(t)
	for n := range 500 {
		if n == 3 {
			continue
		}
		if err := l.push(t.Context(), chunkOf(t, n)); err != nil {
			t.Fatal(err)
		}
		if len(l.held) > reorderWindow {
			t.Fatalf("%d chunks are held, want at most %d", len(l.held), reorderWindow)
		}
	}
}

// TestPacketThatIsNone gives a codec of packets something else between two packets.
func TestPacketThatIsNone(t *testing.T) {
	c := newFakeCall(1)
	l, err := newLane(0, c, "opus", 16000, &clock{}, &counters{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.push(t.Context(), chunk{number: 1, ms: 0, payload: []byte{0xff}}); err != nil {
		t.Fatal(err)
	}
	if l.count.undecodable.Load() != 1 || len(c.warnings) != 1 {
		t.Errorf("counted %d, warned %q", l.count.undecodable.Load(), c.warnings)
	}
}

// TestDemuxDoesNotDependOnCuts cuts interleaved audio anywhere, inside samples too.
func TestDemuxDoesNotDependOnCuts(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, encoding := range []string{"pcm_s16le", "pcm_s16be", "mulaw", "alaw"} {
		for channels := 1; channels <= 3; channels++ {
			t.Run(fmt.Sprintf("%s_%d", encoding, channels), func(t *testing.T) {
				x := make([][]float32, channels)
				for c := range x {
					x[c] = coded(t, encoding, tone(3000, 200+100*float64(c)))
				}
				flat, err := audio.Interleave(nil, x)
				if err != nil {
					t.Fatal(err)
				}
				data, err := audio.Encode(nil, encoding, flat)
				if err != nil {
					t.Fatal(err)
				}
				for range 20 {
					call := newFakeCall(channels)
					d, err := newDemux(call, encoding, 8000, channels, false, &counters{})
					if err != nil {
						t.Fatal(err)
					}
					for rest := data; len(rest) > 0; {
						n := min(len(rest), r.IntN(400))
						if err := d.push(t.Context(), rest[:n], 0, fixtureNow); err != nil {
							t.Fatal(err)
						}
						rest = rest[n:]
					}
					for c := range x {
						if !slices.Equal(call.tracks[c], x[c]) {
							t.Fatalf("channel %d differs", c)
						}
					}
				}
			})
		}
	}
}

// TestSilenceThatIsNotSentIsAGap gives a paced stream a clock and holds what counts as missing.
func TestSilenceThatIsNotSentIsAGap(t *testing.T) {
	type message struct {
		at, waited time.Duration
	}
	ms := time.Millisecond
	for _, c := range []struct {
		name     string
		paced    bool
		messages []message
		want     string
	}{
		{"comfort_noise", true, []message{{0, 0}, {20 * ms, 20 * ms}, {3040 * ms, 3020 * ms}}, "write 0: 320 samples; skip 0: 24000 samples lost; write 0: 160 samples"},
		{"a_slow_network", true, []message{{0, 0}, {900 * ms, 900 * ms}, {901 * ms, 0}}, "write 0: 480 samples"},
		{"we_were_slow", true, []message{{0, 0}, {5000 * ms, 0}, {5001 * ms, 0}}, "write 0: 480 samples"},
		{"not_paced", false, []message{{0, 0}, {5000 * ms, 5000 * ms}}, "write 0: 320 samples"},
		{"faster_than_real_time", true, []message{{0, 0}, {1 * ms, 1 * ms}, {2 * ms, 1 * ms}}, "write 0: 480 samples"},
	} {
		t.Run(c.name, func(t *testing.T) {
			call := newFakeCall(1)
			d, err := newDemux(call, "mulaw", 8000, 1, c.paced, &counters{})
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range c.messages {
				if err := d.push(t.Context(), make([]byte, 160), m.waited, fixtureNow.Add(m.at)); err != nil {
					t.Fatal(err)
				}
			}
			if got := strings.Join(call.notes(), "; "); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestNumbers(t *testing.T) {
	for in, want := range map[string]number{`4`: {4, true}, `"4"`: {4, true}, `""`: {}, `null`: {}, `4.0`: {4, true}, `"-3"`: {-3, true}, `" 7 "`: {7, true}, `1e3`: {1000, true}} {
		var got number
		if err := decodeJSON([]byte(in), &got); err != nil || got != want {
			t.Errorf("%s: %+v, error %v, want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{`"four"`, `1e300`, `"NaN"`, `[]`, `{}`, `true`} {
		var got number
		if err := decodeJSON([]byte(in), &got); err == nil {
			t.Errorf("%s was taken as %+v", in, got)
		}
	}
}

func TestBindTakesParameters(t *testing.T) {
	parameters := map[string]string{"Agent-ID": "a\x00-1", "customer_track": "outbound", "token": "secret", "": "x", "note": strings.Repeat("é", 200)}
	for i := range 100 {
		parameters[fmt.Sprintf("p%03d", i)] = "v"
	}
	var b interaction.Binding
	roles := bind(&b, parameters)
	if b.AgentID != "a-1" || roles["outbound"] != "customer" || len(b.Attributes) != maxParameters || b.Attributes["token"] != "" {
		t.Errorf("binding %+v, roles %v", b, roles)
	}
	if n := len(b.Attributes["note"]); n != maxParameterBytes {
		t.Errorf("a value of %d bytes was kept, want %d", n, maxParameterBytes)
	}
	if err := b.Validate(); err != nil {
		t.Error(err)
	}
}
