package analysis

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/engine/timeline"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/sentiment"
)

// recorder is a scorer that keeps what it was asked; its scores follow the median pitch of the segment.
type recorder struct {
	t       *testing.T
	forbid  bool // any call is a failure
	reader  *sentiment.Reader
	seconds []float64 // of the speaker that each call knew
}

// Measure gives the functionals, and zeros where a network would have listened.
func (r *recorder) Measure(dst []float64, d *sentiment.Descriptors) {
	if r.forbid {
		r.t.Error("the model heard speech that the permit forbids")
	}
	if r.reader == nil {
		var err error
		if r.reader, err = sentiment.NewReader(); err != nil {
			r.t.Fatal(err)
		}
	}
	clear(dst)
	r.reader.Measure(dst[:sentiment.NumFunctionals], d)
}

func (r *recorder) Score(functionals []float64, known *sentiment.Normaliser) (sentiment.Score, error) {
	if r.forbid {
		r.t.Error("the model was asked about speech that the permit forbids")
	}
	if len(functionals) != sentiment.NumValues || math.IsNaN(functionals[0]) {
		r.t.Errorf("functionals %v, want those of a voice", functionals[:1])
	}
	if known == nil { // of the segment alone, for the speaker's normal
		return sentiment.Score{Arousal: 0.4}, nil
	}
	r.seconds = append(r.seconds, known.Seconds())
	p := float32(min(max(functionals[0]/100, 0.3), 0.9))
	return sentiment.Score{Probabilities: [4]float32{p, 1 - p}, Arousal: 0.6, Valence: 0.1}, nil
}

// engineWith returns an engine whose emotion model is r.
func engineWith(t *testing.T, r *recorder) *Engine {
	t.Helper()
	e := *engineOf(t)
	r.t = t
	e.newEmotion = func() emotionScorer { return r }
	return &e
}

// run feeds the short call to a session of e, 20 ms of each channel in turn, and returns record and events.
func runCall(t *testing.T, e *Engine, o Options, bind func(s *Session, ms int64)) (*interaction.Interaction, []Event) {
	t.Helper()
	x, format := read(t, "../../testdata/calls/short-call.wav")
	o.Rate = format.Rate
	var events []Event
	o.OnEvent = func(ev Event) { events = append(events, ev) }
	s, err := e.NewSession(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abort()
	for i := 0; i < len(x[0]); i += 160 {
		if bind != nil {
			bind(s, int64(i)*1000/int64(format.Rate))
		}
		for c := range o.Channels {
			if err := s.Write(t.Context(), c, x[c][i:min(i+160, len(x[c]))]); err != nil {
				t.Fatal(err)
			}
		}
	}
	r, err := s.Close(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	jsonOf(t, r)
	return r, events
}

func TestModelIsNotAskedAboutForbiddenSpeech(t *testing.T) {
	start := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	withNotice := policy.Default()
	withNotice.NoticeRequired = true
	none := policy.Default()
	none.CustomerEmotion = false
	for name, c := range map[string]struct {
		channels []Channel
		permit   policy.Permit
		want     interaction.Code
	}{
		"agent":         {[]Channel{{Role: interaction.RoleAgent, Separated: true}}, policy.Default(), interaction.CodePolicy},
		"role_unknown":  {[]Channel{{Separated: true}}, policy.Default(), interaction.CodeRoleUnknown},
		"unseparated":   {[]Channel{{Role: interaction.RoleCustomer}}, policy.Default(), interaction.CodeSidesNotSeparated},
		"policy":        {[]Channel{{Role: interaction.RoleCustomer, Separated: true}}, none, interaction.CodePolicy},
		"no_notice_yet": {[]Channel{{Role: interaction.RoleCustomer, Separated: true}}, withNotice, interaction.CodeNoNotice},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(8000, c.channels)
			o.Permit, o.Contact.StartedAt = c.permit, &start
			r, events := runCall(t, engineWith(t, &recorder{forbid: true}), o, nil)
			found := false
			for _, n := range r.NotComputed {
				found = found || n.What == "emotion" && n.Code == c.want && n.Segment == ""
			}
			if !found {
				t.Errorf("not_computed %v, want emotion with %s", r.NotComputed, c.want)
			}
			for _, s := range r.Segments {
				if s.Emotion != nil {
					t.Errorf("segment %s has an emotion", s.ID)
				}
			}
			for _, e := range events {
				if e.Kind == EventProvisional || e.Segment != nil && e.Segment.Emotion != nil {
					t.Errorf("event %v at %d ms", e.Kind, e.AtMs)
				}
			}
			for _, m := range r.Governance.Models {
				if m.Name == DefaultEmotionModel {
					t.Error("the record names a model that scored nothing")
				}
			}
		})
	}
}

func TestSpeechBeforeTheNoticeIsNotScored(t *testing.T) {
	start := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	notice := start.Add(6 * time.Second)
	o := options(8000, twoSides())
	o.Permit.NoticeRequired, o.Contact.StartedAt = true, &start
	r, _ := runCall(t, engineWith(t, &recorder{}), o, func(s *Session, ms int64) {
		if ms == 8000 {
			if err := s.Bind(t.Context(), interaction.Binding{NoticePlayedAt: &notice}); err != nil {
				t.Fatal(err)
			}
		}
	})
	before, after := 0, 0
	for _, s := range r.Segments {
		if s.Channel != 1 {
			continue
		}
		switch {
		case s.StartMs < 6000:
			before++
			if s.Emotion != nil {
				t.Errorf("%s, spoken at %d ms, has an emotion", s.ID, s.StartMs)
			}
		case s.Emotion != nil:
			after++
		}
	}
	if before == 0 || after == 0 {
		t.Fatalf("%d segments before the notice and %d scored after it, want some of each", before, after)
	}
}

func TestFinalScoresKnowTheRestOfTheCall(t *testing.T) {
	rec := &recorder{}
	r, events := runCall(t, engineWith(t, rec), options(8000, twoSides()), nil)
	total, scored := 0.0, 0
	var lengths []float64
	for _, s := range r.Segments {
		if s.Emotion != nil {
			scored++
			lengths = append(lengths, float64(s.EndMs-s.StartMs)/1000)
			total += lengths[len(lengths)-1]
		}
	}
	if scored < 2 {
		t.Fatalf("%d segments scored, want more", scored)
	}
	final := rec.seconds[len(rec.seconds)-scored:]
	for i, known := range final {
		if math.Abs(known-(total-lengths[i])) > 0.01 {
			t.Errorf("final score %d knew %.2f s of the speaker, want the other segments' %.2f", i, known, total-lengths[i])
		}
	}
	live := rec.seconds[:len(rec.seconds)-scored]
	for i := 1; i < len(live); i++ {
		if live[i] < live[i-1] {
			t.Errorf("live score %d knew %.2f s after %.2f, want what was heard so far", i, live[i], live[i-1])
		}
	}
	if live[0] != 0 {
		t.Errorf("the first score knew %.2f s of the speaker", live[0])
	}
	provisional := 0
	for _, e := range events {
		if e.Kind != EventProvisional {
			continue
		}
		provisional++
		if e.Channel != 1 || e.Segment.Emotion == nil || (e.Segment.EndMs-e.Segment.StartMs)%provisionalMs != 0 {
			t.Errorf("provisional score %+v", e.Segment)
		}
		found := false
		for _, s := range r.Segments {
			found = found || s.ID == e.Segment.ID && s.StartMs == e.Segment.StartMs
		}
		if !found {
			t.Errorf("provisional score of %s at %d ms, of which the record knows nothing", e.Segment.ID, e.Segment.StartMs)
		}
	}
	if provisional == 0 {
		t.Error("no provisional score in a call with segments over two seconds")
	}
	named := 0
	for _, m := range r.Governance.Models {
		if m.Name == DefaultEmotionModel {
			named++
		}
	}
	if named != 1 {
		t.Errorf("the record names the emotion model %d times", named)
	}
}

func TestEverySegmentHasAnEmotionOrAReason(t *testing.T) {
	r, _ := runCall(t, engineOf(t), options(8000, twoSides()), nil)
	reasons := map[string]bool{}
	for _, n := range r.NotComputed {
		if n.What == "emotion" && n.Segment != "" {
			reasons[n.Segment] = true
		}
	}
	scored := 0
	for _, s := range r.Segments {
		if s.Channel != 1 {
			continue
		}
		if s.Emotion == nil && !reasons[s.ID] || s.Emotion != nil && reasons[s.ID] {
			t.Errorf("%s: emotion %v, reason given %t", s.ID, s.Emotion, reasons[s.ID])
		}
		if s.Emotion == nil {
			continue
		}
		scored++
		sum := 0.0
		for _, p := range s.Emotion.Probabilities {
			sum += p
		}
		if math.Abs(sum-1) > 1e-9 || s.Emotion.Confidence != s.Emotion.Probabilities[s.Emotion.Label] {
			t.Errorf("%s: %+v", s.ID, s.Emotion)
		}
	}
	if scored == 0 || len(r.Affect) != 1 {
		t.Errorf("%d segments scored, affect of %d participants", scored, len(r.Affect))
	}
}

// TestLabelIsTheMostProbableOfWhatIsWritten draws scores whose classes are nearly alike, where rounding decides.
func TestLabelIsTheMostProbableOfWhatIsWritten(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	near := sentiment.Score{Probabilities: [4]float32{0.30006, 0.30005, 0.2, 0.19989}}
	for range 20_000 {
		e := emotionOf(near)
		sum := 0.0
		for name, p := range e.Probabilities {
			sum += p
			if p > e.Probabilities[e.Label] {
				t.Fatalf("%v: label %s, but %s is more probable", e.Probabilities, e.Label, name)
			}
		}
		if math.Abs(sum-1) > 1e-9 || e.Confidence != e.Probabilities[e.Label] {
			t.Fatalf("%v: sum %g, confidence %g", e.Probabilities, sum, e.Confidence)
		}
		base, spread := 0.2+0.1*rng.Float32(), 0.0002*rng.Float32()
		near.Probabilities = [4]float32{base, base + spread*rng.Float32(), base - spread*rng.Float32()}
		near.Probabilities[3] = 1 - near.Probabilities[0] - near.Probabilities[1] - near.Probabilities[2]
	}
}

// TestShortSegmentsAreJoined drives a lane by hand: which segments get functionals, and from how much speech.
func TestShortSegmentsAreJoined(t *testing.T) {
	x, _ := read(t, "../../testdata/audio/voice_female_en_8k.wav")
	voice := x[0][Rate/2:]
	type segment struct{ start, length int64 } // ms
	for name, c := range map[string]struct {
		segments []segment
		want     []bool
	}{
		"long_alone":               {[]segment{{0, 1500}}, []bool{true}},
		"short_alone":              {[]segment{{0, 600}}, []bool{false}},
		"short_after_long":         {[]segment{{0, 1500}, {2000, 400}}, []bool{true, true}},
		"short_long_after_long":    {[]segment{{0, 1500}, {9000, 400}}, []bool{true, false}},
		"short_before_long":        {[]segment{{0, 400}, {1000, 1500}}, []bool{true, true}},
		"three_short":              {[]segment{{0, 400}, {600, 400}, {1200, 400}}, []bool{true, true, true}},
		"two_short_too_far":        {[]segment{{0, 600}, {4000, 600}}, []bool{false, false}},
		"short_then_far_long":      {[]segment{{0, 600}, {4000, 1600}}, []bool{false, true}},
		"two_short_and_still_less": {[]segment{{0, 300}, {500, 300}}, []bool{false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := engineWith(t, &recorder{}).newEmotionLane(policy.Default())
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range c.segments {
				v := timelineOf(s.start, s.start+s.length)
				l.reader.Reset()
				l.reader.Write(voice[:v.Len()])
				l.reader.Flush()
				h := heard{}
				l.measure(&h, v, true)
				l.heard = append(l.heard, h)
			}
			for i, want := range c.want {
				if got := l.heard[i].values != nil; got != want {
					t.Errorf("segment %d read: %t, want %t", i, got, want)
				}
			}
			if n := l.tail.Frames(); n > windowFrames {
				t.Errorf("the tail holds %d frames, want at most %d", n, windowFrames)
			}
		})
	}
}

// TestStreamedReadingEqualsBatch compares what a lane read while a segment was spoken with the segment read in one piece.
func TestStreamedReadingEqualsBatch(t *testing.T) {
	o := options(8000, twoSides())
	x, _ := read(t, "../../testdata/calls/short-call.wav")
	s, err := engineOf(t).NewSession(o)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(x[1]); i += 160 {
		if err := s.Write(t.Context(), 1, x[1][i:min(i+160, len(x[1]))]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := sentiment.NewReader()
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float64, sentiment.NumValues)
	compared := 0
	c := s.channels[1]
	for i, seg := range c.segments {
		if ms(seg.Start) == 0 || i == 0 || ms(seg.Start-c.segments[i-1].End) <= joinGapMs {
			continue // read together with what was before
		}
		r.Reset()
		r.Write(x[1][seg.Start:seg.End])
		r.Flush()
		c.emotion.scorer.Measure(want, r.Frames())
		got := c.emotion.heard[i].values
		if r.Frames().Frames() < leastFrames {
			continue
		}
		compared++
		for k, v := range want {
			if got == nil || got[k] != float32(v) && !math.IsNaN(v) {
				t.Fatalf("segment %d: value %d is %g, want %g", i, k, got[k], v)
			}
		}
	}
	if compared == 0 {
		t.Fatalf("none of %d segments stands alone", len(c.segments))
	}
}

// timelineOf returns the interval from and to in ms.
// TestSnapshotsScoreLittleAgain takes one every 100 ms: the record of the end does not know of them, and the work is not that of so many
// records.
func TestSnapshotsScoreLittleAgain(t *testing.T) {
	plain, often := &recorder{}, &recorder{}
	o := options(8000, []Channel{{Role: interaction.RoleCustomer, Separated: true}})
	want, _ := runCall(t, engineWith(t, plain), o, nil)
	snapshots, scores := 0, 0
	got, _ := runCall(t, engineWith(t, often), o, func(s *Session, ms int64) {
		if ms%100 != 0 {
			return
		}
		r, err := s.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		snapshots++
		for _, seg := range r.Segments {
			if seg.Emotion != nil {
				scores++
			}
		}
	})
	if string(jsonOf(t, got)) != string(jsonOf(t, want)) {
		t.Error("the record depends on the snapshots before it")
	}
	extra, segments := len(often.seconds)-len(plain.seconds), len(want.Segments)
	if scores < 10*segments || extra > 4*segments {
		t.Errorf("%d snapshots with %d scores of %d segments asked the model %d times, want at most %d", snapshots, scores, segments, extra, 4*segments)
	}
}

func timelineOf(from, to int64) timeline.Interval {
	return timeline.Interval{Start: timeline.Samples(from, Rate), End: timeline.Samples(to, Rate)}
}

func BenchmarkFinalScore(b *testing.B) {
	// what the end of a segment of 30 s costs, most of which was read while it was spoken
	e := engineOf(b)
	l, err := e.newEmotionLane(policy.Default())
	if err != nil {
		b.Fatal(err)
	}
	x, _ := read(b, "../../testdata/audio/voice_female_en_8k.wav")
	var voice []float32
	for len(voice) < 30*Rate {
		voice = append(voice, x[0]...)
	}
	voice = voice[:30*Rate]
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		l.reader.Reset()
		l.reader.Write(voice[:len(voice)-decisionLag-Rate/10])
		b.StartTimer()
		l.reader.Write(voice[len(voice)-decisionLag-Rate/10:])
		l.reader.Flush()
		h := heard{}
		l.measure(&h, timelineOf(0, 30000), true)
		l.load(h.values)
		if _, err := l.scorer.Score(l.work, &l.before); err != nil {
			b.Fatal(err)
		}
	}
}
