package engine_test

import (
	"fmt"
	"math"

	"github.com/timbre-voice/timbre/engine"
)

// tone returns one second of a 440 Hz tone, 6 dB below full scale, at 8 kHz.
func tone() []float32 {
	x := make([]float32, 8000)
	for i := range x {
		x[i] = float32(0.5 * math.Sin(2*math.Pi*440*float64(i)/8000))
	}
	return x
}

// The walk of the package comment: samples arrive in packets of 20 ms, features come out with a lag that is known beforehand.
func ExampleStream() {
	o := engine.DefaultStream(8000)
	o.Deltas = engine.DefaultDeltas()
	s, err := engine.NewStream(o)
	if err != nil {
		fmt.Println(err)
		return
	}
	frames := 0
	use := func(f *engine.Frame) {
		if f.Index == 50 {
			fmt.Printf("frame %d starts at sample %d: %d log-mel bands, %d cepstra with deltas, %.1f dBFS\n",
				f.Index, f.Start, len(f.LogMel), len(f.MFCC), f.LevelDBFS)
		}
		frames++
	}
	x := tone()
	for len(x) > 0 {
		s.Write(x[:160], use)
		x = x[160:]
	}
	fmt.Println("frames before the end:", frames, "lag:", o.LagFrames())
	s.Flush(use)
	fmt.Println("frames:", frames, "as foretold:", o.Fbank.Frame.NumFrames(8000))
	// Output:
	// frame 50 starts at sample 4000: 40 log-mel bands, 60 cepstra with deltas, -9.0 dBFS
	// frames before the end: 94 lag: 4
	// frames: 98 as foretold: 98
}

func ExampleMFCC() {
	m, err := engine.MFCC(engine.KaldiMFCC(8000), tone())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d frames × %d cepstra, c1 of frame 10: %.1f\n", m.Rows, m.Cols, m.Row(10)[1])
	// Output:
	// 98 frames × 13 cepstra, c1 of frame 10: 73.0
}

// The spectrum of a tone that fits the transform sits in one bin.
func ExampleRealFFT() {
	f, err := engine.NewRealFFT(16)
	if err != nil {
		fmt.Println(err)
		return
	}
	x := make([]float64, 16)
	for i := range x {
		x[i] = math.Cos(2 * math.Pi * 3 * float64(i) / 16)
	}
	for k, p := range f.Power(nil, x) {
		if p > 1e-9 {
			fmt.Printf("bin %d: %.0f\n", k, p)
		}
	}
	// Output:
	// bin 3: 64
}

func ExampleLoudness() {
	l, err := engine.NewLoudness(8000)
	if err != nil {
		fmt.Println(err)
		return
	}
	l.Write(tone())
	if lufs, ok := l.Integrated(); ok {
		fmt.Printf("%.1f LUFS\n", lufs)
	}
	// Output:
	// -9.5 LUFS
}

// Options say what is wrong with them, all of it.
func ExampleMFCCOptions_Validate() {
	o := engine.DefaultMFCC(8000)
	o.Fbank.Mel.HighHz = 5000
	o.NumCeps = 64
	fmt.Println(o.Validate())
	// Output:
	// engine: mel options: LowHz 60 and HighHz 5000, want 0 <= LowHz < HighHz <= 4000
	// engine: cepstra options: NumCeps 64, want 1 to 40 (the mel bands)
}
