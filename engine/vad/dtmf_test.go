package vad

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// digits runs a signal and returns the digits heard.
func digits(t *testing.T, x []float32) string {
	t.Helper()
	var b strings.Builder
	for _, e := range only(KindDTMF, detect(t, DefaultOptions(), nil, x)) {
		b.WriteString(e.Detail)
	}
	return b.String()
}

// dtmfKey appends a key with the levels of its low and high tone and a relative frequency error.
func (t *track) dtmfKey(key byte, seconds, lowDBFS, highDBFS, off float64) *track {
	k := strings.IndexByte(dtmfDigits, key)
	at := len(t.x)
	t.tone(seconds, lowDBFS, dtmfHz[k/4]*(1+off))
	other := &track{r: t.r}
	other.tone(seconds, highDBFS, dtmfHz[4+k%4]*(1+off))
	for i, v := range other.x {
		t.x[at+i] += v
	}
	return t
}

// TestDTMFAllKeys dials all 16 keys, 70 ms on and 70 ms off, and compares digits and times.
func TestDTMFAllKeys(t *testing.T) {
	s := newTrack(1).silence(0.3)
	for i := range dtmfDigits {
		s.dtmfKey(dtmfDigits[i], 0.07, -15, -15, 0).silence(0.07)
	}
	ends := only(KindDTMF, detect(t, DefaultOptions(), nil, s.noise(-60).x))
	if len(ends) != 16 {
		t.Fatalf("%d digits, want 16: %v", len(ends), ends)
	}
	for i, e := range ends {
		from := int64(samples(0.3 + 0.14*float64(i)))
		if e.Detail != dtmfDigits[i:i+1] || !near(e.Interval.Start, from, 10) || !near(e.Interval.End, from+int64(samples(0.07)), 10) {
			t.Errorf("digit %d: %v, want %q at %d", i, e, dtmfDigits[i], from)
		}
	}
}

// TestDTMFReceiver checks the limits of ITU-T Q.24 on every key: what must be received and what must not.
func TestDTMFReceiver(t *testing.T) {
	for _, c := range []struct {
		name      string
		ms        int
		low, high float64 // dBFS
		off       float64
		snr       float64 // dB of white noise under both tones together; 0 for none
		want      bool
	}{
		{"long", 200, -15, -15, 0, 0, true},
		{"shortest_40ms", 40, -15, -15, 0, 0, true},
		{"too_short_23ms", 23, -15, -15, 0, 0, false},
		{"loudest", 60, -6, -6, 0, 0, true},
		{"weakest_25dB_below_0dBm", 60, -31, -31, 0, 0, true},
		{"too_weak", 60, -60, -60, 0, 0, false},
		{"high_4dB_louder", 60, -19, -15, 0, 0, true},
		{"low_8dB_louder", 60, -12, -20, 0, 0, true},
		{"high_10dB_louder", 60, -22, -12, 0, 0, false},
		{"low_14dB_louder", 60, -8, -22, 0, 0, false},
		{"1.5_percent_high", 60, -15, -15, 0.015, 0, true},
		{"1.5_percent_low", 60, -15, -15, -0.015, 0, true},
		{"3.5_percent_high", 60, -15, -15, 0.035, 0, false},
		{"3.5_percent_low", 60, -15, -15, -0.035, 0, false},
		{"noise_15dB_below", 60, -15, -15, 0, 15, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i := range dtmfDigits {
				key := dtmfDigits[i]
				s := newTrack(uint64(i)).silence(0.1).dtmfKey(key, float64(c.ms)/1000, c.low, c.high, c.off).silence(0.1)
				if c.snr > 0 {
					s.noise(10*math.Log10(2*math.Pow(10, c.low/10)) - c.snr)
				}
				want := ""
				if c.want {
					want = string(key)
				}
				if got := digits(t, s.x); got != want {
					t.Errorf("key %c: heard %q, want %q", key, got, want)
				}
			}
		})
	}
}

func TestDTMFPauses(t *testing.T) {
	for _, c := range []struct {
		pauseMs int
		want    string
	}{{10, "5"}, {40, "55"}, {100, "55"}} {
		t.Run(fmt.Sprintf("%d_ms", c.pauseMs), func(t *testing.T) {
			s := newTrack(3).silence(0.1).dtmfKey('5', 0.06, -15, -15, 0).silence(float64(c.pauseMs)/1000).dtmfKey('5', 0.06, -15, -15, 0).silence(0.1)
			if got := digits(t, s.x); got != c.want {
				t.Errorf("heard %q, want %q", got, c.want)
			}
		})
	}
}

// TestDTMFNotInOtherSounds listens to what is no key.
func TestDTMFNotInOtherSounds(t *testing.T) {
	for name, x := range map[string][]float32{
		"white_noise": newTrack(4).silence(20).noise(-20).x,
		"voice":       newTrack(5).voice(20, -20).x,
		"one_tone":    newTrack(6).tone(2, -15, 770).x,
		"two_rows":    newTrack(7).tone(2, -15, 697, 852).x,
		"three_tones": newTrack(8).tone(2, -15, 770, 1336, 1000).x,
		"dial_tone":   newTrack(9).tone(2, -15, 350, 440).x,
	} {
		if got := digits(t, x); got != "" {
			t.Errorf("%s: heard %q", name, got)
		}
	}
}
