package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
)

// handMadeEnvelope is noise at the level of each segment of r.
func handMadeEnvelope(r *interaction.Interaction) *envelope {
	rnd := rand.New(rand.NewPCG(3, 4))
	env := &envelope{}
	rate := int64(r.Contact.Media.SampleRateHz)
	for ch := range r.Contact.Media.Channels {
		x := make([]float32, r.Contact.DurationMs*rate/1000)
		for i := range x {
			x[i] = float32(0.001 * rnd.NormFloat64())
		}
		for _, s := range r.Segments {
			if s.Channel != ch {
				continue
			}
			level := math.Pow(10, *s.Prosody.LoudnessDBFS/20)
			for i := s.StartMs * rate / 1000; i < s.EndMs*rate/1000; i++ {
				x[i] += float32(level * rnd.NormFloat64() * (0.6 + 0.4*math.Sin(float64(i)/900)))
			}
		}
		env.add(ch, x)
	}
	return env
}

// parseSVG reads a document as XML and returns its text and the number of each element.
func parseSVG(t *testing.T, doc []byte) (text string, elements map[string]int) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(doc))
	elements = map[string]int{}
	var b strings.Builder
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return b.String(), elements
		}
		if err != nil {
			t.Fatalf("the SVG is not XML: %v\n%s", err, doc)
		}
		switch v := tok.(type) {
		case xml.StartElement:
			elements[v.Name.Local]++
		case xml.CharData:
			b.Write(v)
		}
	}
}

func TestSVGDrawings(t *testing.T) {
	for _, c := range []struct {
		name string
		r    *interaction.Interaction
		env  bool
	}{
		{"timeline.svg", handMade(), true},
		{"timeline-record-only.svg", handMade(), false},
		{"timeline-silent.svg", silentCall(), true},
		{"timeline-mono.svg", monoCall(), false},
		{"timeline-scored.svg", scoredCall(), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var env *envelope
			if c.env {
				env = handMadeEnvelope(c.r)
			}
			got := timelineSVG(c.r, env)
			testkit.Text(t, filepath.Join("testdata", c.name), got)
			text, n := parseSVG(t, got)
			for _, m := range momentsOf(c.r) {
				if !strings.Contains(text, upperFirst(m.What)) || !strings.Contains(text, clock(m.StartMs)) {
					t.Errorf("the drawing does not name the moment %q at %s", m.What, clock(m.StartMs))
				}
			}
			if n["desc"] != 1 || !strings.Contains(text, "Timeline of hand-made.wav") {
				t.Error("the drawing has no title and description for those who do not see it")
			}
		})
	}
}

func TestSVGTakesAnythingTheRecordHolds(t *testing.T) {
	r := handMade()
	evil := "</text><script>alert(1)</script>\x00\x1b\xff&\"'"
	r.Contact.Source.URI, r.Contact.Media.Encoding = evil, evil
	r.Sounds[0].Kind, r.Sounds[0].Detail, r.Marks[0].Kind = interaction.SoundKind(evil), evil, evil
	r.Contact.Media.Gaps[0].Reason = evil
	r.NotComputed[0].What, r.NotComputed[0].Detail = evil, evil
	r.Alerts = []interaction.Alert{{Rule: evil, Severity: evil, Evidence: evil}}
	if _, n := parseSVG(t, timelineSVG(r, nil)); n["script"] != 0 {
		t.Error("text of the record became an element of the drawing")
	}
	if _, n := parseSVG(t, timelineSVG(&interaction.Interaction{}, &envelope{})); n["svg"] != 1 {
		t.Error("an empty record gives no drawing")
	}
}

func TestSVGOfALongCallIsWiderAndBounded(t *testing.T) {
	for _, c := range []struct {
		durationMs int64
		want       string
	}{
		{75_000, `width="1204"`}, {600_000, `width="2564"`}, {36_000_000, `width="4964"`},
	} {
		r := handMade()
		r.Contact.DurationMs = c.durationMs
		if doc := timelineSVG(r, nil); !bytes.Contains(doc[:200], []byte(c.want)) {
			t.Errorf("a call of %d ms is drawn as %s, want %s", c.durationMs, doc[:120], c.want)
		}
	}
}
