package sentiment_test

import (
	"fmt"
	"math"

	"github.com/timbre-voice/timbre/sentiment"
)

// A tone of ten harmonics stands for a voice: what is known of it after one segment, and of its speaker after three.
func Example() {
	segment := make([]float32, 2*sentiment.Rate)
	for i := range segment {
		for h := 1.0; h <= 10; h++ {
			segment[i] += float32(0.1 / h * math.Sin(2*math.Pi*180*h*float64(i)/sentiment.Rate))
		}
	}
	r, err := sentiment.NewReader()
	if err != nil {
		fmt.Println(err)
		return
	}
	values := make([]float64, sentiment.NumValues) // those behind the functionals a Scorer would learn from its model
	r.Read(values[:sentiment.NumFunctionals], segment)
	fmt.Printf("%s: %s %.1f semitones above 27.5 Hz\n", sentiment.FeatureSet, sentiment.FunctionalNames()[0], values[0])
	var known sentiment.Normaliser
	for range 3 {
		known.Add(values, 0.4, 2)
	}
	fmt.Printf("%g s known of the speaker\n", known.Seconds())
	// Output:
	// timbre-emotion-lld-v1: f0_mean 32.5 semitones above 27.5 Hz
	// 6 s known of the speaker
}
