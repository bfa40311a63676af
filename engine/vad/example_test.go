package vad_test

import (
	"fmt"
	"math"

	"github.com/timbre-voice/timbre/engine/vad"
)

// A live channel: samples go in as they come, events come out as they are decided.
func Example() {
	det, err := vad.NewDetector(vad.DefaultOptions(), nil) // nil: the plain detector; models.Load("vad-...") has the network
	if err != nil {
		fmt.Println(err)
		return
	}
	emit := func(e vad.Event) {
		if e.Type == vad.End && e.Kind != vad.KindSpeech {
			fmt.Println(e.Kind, e.Detail, e.Interval.Len() > 0)
		}
	}
	x := make([]float32, 8000)
	for n := range 800 { // 100 ms of the digit 5 (770 + 1336 Hz) after half a second of silence
		t := float64(n) / vad.Rate
		x[4000+n] = float32(0.2*math.Sin(2*math.Pi*770*t) + 0.2*math.Sin(2*math.Pi*1336*t))
	}
	for len(x) > 0 { // 20 ms at a time, as a telephone line delivers them
		n := min(160, len(x))
		det.Write(x[:n], emit)
		x = x[n:]
	}
	det.Flush(emit)
	// Output: dtmf 5 true
}
