package audio_test

import (
	"bytes"
	"fmt"
	"log"
	"os"

	"github.com/timbre-voice/timbre/engine/audio"
)

// A recording whose header was never finished, as one channel at telephone rate.
func Example() {
	b, err := os.ReadFile("../../testdata/golden/codecs/ffmpeg-pipe.wav")
	if err != nil {
		log.Fatal(err)
	}
	x, format, warnings, err := audio.ReadAll(bytes.NewReader(b), 0)
	if err != nil {
		log.Fatal(err)
	}
	r, err := audio.NewResampler(format.Rate, 16000)
	if err != nil {
		log.Fatal(err)
	}
	y := r.Flush(r.Write(nil, x[0]))
	fmt.Println(format)
	fmt.Println(len(x[0]), "samples become", len(y))
	fmt.Println(warnings)
	// Output:
	// wav mulaw 8000 Hz, 2 channels, 8 bits
	// 400 samples become 800
	// [wav: data chunk says 4294967295 bytes: length unknown, read to the end]
}

// A call from the network: frames of mu-law with both sides interleaved.
func ExampleNewDecoder() {
	d, err := audio.NewDecoder("mulaw", 8000)
	if err != nil {
		log.Fatal(err)
	}
	frame := []byte{0x80, 0xff, 0x00, 0xff}
	x, err := d.Decode(nil, frame)
	if err != nil {
		log.Fatal(err)
	}
	sides, err := audio.Split(make([][]float32, 2), x)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f\n", sides)
	// Output:
	// [[0.9803 -0.9803] [0.0000 0.0000]]
}
