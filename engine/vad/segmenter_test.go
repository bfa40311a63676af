package vad

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/engine/timeline"
)

// run pushes probabilities as they are known at the end of each step and returns the events.
func runSegmenter(t *testing.T, o SegmentOptions, probs []float32) []Event {
	t.Helper()
	s, err := NewSegmenter(o, KindSpeech)
	if err != nil {
		t.Fatal(err)
	}
	var out []Event
	emit := func(e Event) { out = append(out, e) }
	for i, p := range probs {
		s.Push(p, int64(i+1)*StepSamples, emit)
	}
	s.Flush(int64(len(probs))*StepSamples, emit)
	checkEvents(t, out, int64(len(probs))*StepSamples)
	return out
}

// steps repeats probabilities: value, count, value, count ...
func steps(v ...float64) []float32 {
	var out []float32
	for i := 0; i < len(v); i += 2 {
		for range int(v[i+1]) {
			out = append(out, float32(v[i]))
		}
	}
	return out
}

// TestSegmenterRules pins every option by hand. A step is 16 ms; intervals are in steps.
func TestSegmenterRules(t *testing.T) {
	o := SegmentOptions{EntryProb: 0.6, ExitProb: 0.4, MinOnMs: 48, MinOffMs: 64, PadMs: 0}
	with := func(f func(*SegmentOptions)) SegmentOptions { c := o; f(&c); return c }
	for _, c := range []struct {
		name  string
		o     SegmentOptions
		probs []float32
		want  []timeline.Interval // in steps
	}{
		{"nothing", o, steps(0, 50), nil},
		{"one_segment", o, steps(0, 10, 1, 20, 0, 20), []timeline.Interval{{Start: 10, End: 30}}},
		{"below_entry_opens_nothing", o, steps(0.59, 50), nil},
		{"between_exit_and_entry_keeps_it_open", o, steps(0, 5, 1, 5, 0.45, 20, 0, 20), []timeline.Interval{{Start: 5, End: 30}}},
		{"begins_with_the_rise_to_entry", o, steps(0, 5, 0.5, 2, 1, 5, 0, 20), []timeline.Interval{{Start: 5, End: 12}}},
		{"begins_at_most_minimum_silence_before_entry", o, steps(0.5, 30, 1, 5, 0, 20), []timeline.Interval{{Start: 26, End: 35}}},
		{"shorter_than_minimum_speech", o, steps(0, 5, 1, 2, 0, 20), nil},
		{"exactly_minimum_speech", o, steps(0, 5, 1, 3, 0, 20), []timeline.Interval{{Start: 5, End: 8}}},
		{"two_short_bursts_make_minimum_speech", o, steps(0, 5, 1, 2, 0, 2, 1, 1, 0, 20), []timeline.Interval{{Start: 5, End: 10}}},
		{"pause_below_minimum_silence_stays_inside", o, steps(1, 10, 0, 3, 1, 10, 0, 20), []timeline.Interval{{Start: 0, End: 23}}},
		{"pause_of_minimum_silence_parts", o, steps(1, 10, 0, 4, 1, 10, 0, 20), []timeline.Interval{{Start: 0, End: 10}, {Start: 14, End: 24}}},
		{"open_at_the_end", o, steps(0, 5, 1, 10), []timeline.Interval{{Start: 5, End: 15}}},
		{"running_out_at_the_end", o, steps(0, 5, 1, 10, 0, 2), []timeline.Interval{{Start: 5, End: 15}}},
		{"padding", with(func(o *SegmentOptions) { o.PadMs = 32 }), steps(0, 10, 1, 10, 0, 20), []timeline.Interval{{Start: 8, End: 22}}},
		{"padding_stays_in_the_stream", with(func(o *SegmentOptions) { o.PadMs = 64 }), steps(0, 1, 1, 10, 0, 2), []timeline.Interval{{Start: 0, End: 13}}},
		{"padding_stops_at_the_neighbour", with(func(o *SegmentOptions) { o.PadMs = 64 }), steps(1, 10, 0, 5, 1, 10, 0, 9),
			[]timeline.Interval{{Start: 0, End: 14}, {Start: 14, End: 29}}},
		{"split_at_the_least_probable_step", with(func(o *SegmentOptions) { o.MaxSegmentMs = 1600 }), // 100 steps
			steps(1, 70, 0.5, 1, 1, 10, 0.45, 1, 1, 38, 0, 10), []timeline.Interval{{Start: 0, End: 81}, {Start: 81, End: 120}}},
		{"split_twice", with(func(o *SegmentOptions) { o.MaxSegmentMs = 1600 }),
			steps(1, 90, 0.5, 1, 1, 89, 0.5, 1, 1, 50, 0, 10), []timeline.Interval{{Start: 0, End: 90}, {Start: 90, End: 180}, {Start: 180, End: 231}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []timeline.Interval
			for _, e := range runSegmenter(t, c.o, c.probs) {
				if e.Type == End {
					got = append(got, timeline.Interval{Start: e.Interval.Start / StepSamples, End: e.Interval.End / StepSamples})
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestSegmenterLatency pins when things are told: a Start after MinOnMs, an End after MinOffMs.
func TestSegmenterLatency(t *testing.T) {
	o := SegmentOptions{EntryProb: 0.6, ExitProb: 0.4, MinOnMs: 48, MinOffMs: 64, PadMs: 16}
	got := runSegmenter(t, o, steps(0, 10, 1, 20, 0, 20))
	want := []Event{
		{Type: Start, Kind: KindSpeech, Interval: timeline.Interval{Start: 9 * StepSamples, End: 13 * StepSamples}, At: 13 * StepSamples},
		{Type: End, Kind: KindSpeech, Interval: timeline.Interval{Start: 9 * StepSamples, End: 31 * StepSamples}, At: 34 * StepSamples},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestSegmenterRandom holds what is true for any probabilities and options.
func TestSegmenterRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 7))
	for range 400 {
		o := SegmentOptions{EntryProb: 0.3 + 0.6*r.Float64(), MinOnMs: r.IntN(200), MinOffMs: 16 + r.IntN(300)}
		o.ExitProb = o.EntryProb * (0.3 + 0.7*r.Float64())
		o.PadMs = r.IntN(o.MinOffMs + 1)
		if r.IntN(2) == 0 {
			o.MaxSegmentMs = 1000 + r.IntN(2000)
		}
		probs := make([]float32, r.IntN(1500))
		level := 0.5
		for i := range probs {
			level = min(1, max(0, level+0.3*r.NormFloat64()*r.Float64()))
			probs[i] = float32(level)
		}
		for _, e := range runSegmenter(t, o, probs) {
			if o.MaxSegmentMs > 0 && timeline.Ms(e.Interval.Len(), Rate) > int64(o.MaxSegmentMs+2*o.PadMs+16) {
				t.Fatalf("%v: longer than the %d ms allowed", e, o.MaxSegmentMs)
			}
			if e.Type == End && timeline.Ms(e.Interval.Len(), Rate) < int64(o.MinOnMs)-16 && o.MaxSegmentMs == 0 {
				t.Fatalf("%v: shorter than the %d ms allowed", e, o.MinOnMs)
			}
		}
	}
}

func TestSegmenterReset(t *testing.T) {
	s, err := NewSegmenter(DefaultOptions().Speech, KindSpeech)
	if err != nil {
		t.Fatal(err)
	}
	var runs [2][]Event
	for i := range runs {
		emit := func(e Event) { runs[i] = append(runs[i], e) }
		for k, p := range steps(0, 10, 1, 20, 0, 15, 1, 9) {
			s.Push(p, int64(k+1)*StepSamples, emit)
		}
		s.Flush(54*StepSamples, emit)
	}
	if len(runs[0]) != 4 || !slices.Equal(runs[0], runs[1]) {
		t.Errorf("second stream gives %v, first %v", runs[1], runs[0])
	}
}

func TestOptionsValidate(t *testing.T) {
	if err := DefaultOptions().Validate(); err != nil {
		t.Fatal(err)
	}
	bad := Options{Rate: 16000, Speech: SegmentOptions{EntryProb: 2, ExitProb: 3, MinOnMs: -1, MinOffMs: 1, PadMs: 5, MaxSegmentMs: 10}}
	err := bad.Validate()
	if !errors.Is(err, ErrRate) {
		t.Errorf("error %v, want ErrRate", err)
	}
	for _, part := range []string{"16000 Hz, want 8000", "EntryProb: 2", "ExitProb: 3", "MinOnMs: -1", "MinOffMs: 1", "PadMs: 5", "MaxSegmentMs: 10", "Music: vad: EntryProb: 0", "Noise: "} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("message lacks %q: %v", part, err)
		}
	}
	if _, err := NewDetector(bad, nil); err == nil {
		t.Error("NewDetector takes bad options")
	}
	if s := DefaultOptions().String(); !strings.Contains(s, "min off 96 ms") || !strings.Contains(s, "8000 Hz") {
		t.Errorf("String = %q", s)
	}
}
