package main

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/engine/vad"
)

const shippedWeights = "../../../vad-gru-v1/weights.safetensors"

// dial returns a second of silence with the key 9 in it, as raw int16.
func dial() []byte {
	var b []byte
	for i := range vad.Rate {
		v := 0.0
		if t := float64(i) / vad.Rate; t > 0.4 && t < 0.5 {
			v = 0.2*math.Sin(2*math.Pi*852*t) + 0.2*math.Sin(2*math.Pi*1477*t)
		}
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(v*32767)))
	}
	return b
}

func TestRun(t *testing.T) {
	steps := (vad.Rate + vad.StepSamples - 1) / vad.StepSamples
	for _, c := range []struct {
		args  []string
		bytes int    // size of the output; 0 for any
		text  string // what it must hold
	}{
		{[]string{"features"}, 4 * vad.Bands * (vad.Rate / vad.StepSamples), ""},
		{[]string{"scores"}, 4 * 3 * steps, ""},
		{[]string{"scores", "-weights", shippedWeights}, 4 * 3 * steps, ""},
		{[]string{"events", "-weights", shippedWeights, "-off-ms", "200"}, 0, "end\tdtmf\t"},
		{[]string{"frontend"}, 0, vad.FrontEnd().String()},
	} {
		var out bytes.Buffer
		if err := run(c.args, bytes.NewReader(dial()), &out); err != nil {
			t.Errorf("%v: %v", c.args, err)
			continue
		}
		if c.bytes != 0 && out.Len() != c.bytes || !strings.Contains(out.String(), c.text) {
			t.Errorf("%v: %d bytes, want %d and %q", c.args, out.Len(), c.bytes, c.text)
		}
	}
	for _, args := range [][]string{nil, {"nonsense"}, {"scores", "-weights", "main.go"}, {"scores", "-weights", "absent"}} {
		if err := run(args, bytes.NewReader(nil), &bytes.Buffer{}); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}
