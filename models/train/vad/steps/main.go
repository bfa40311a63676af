// Command steps runs the detector's own code over raw audio for training and evaluation, so that the network learns from exactly
// the features that it will see.
//
//	steps features < x.s16 > x.f32      Bands float32 a step
//	steps scores [-weights FILE] < x.s16  3 float32 a step: speech, music, noise; without -weights the energy detector
//	steps events [-weights FILE] < x.s16  one event a line: type, kind, start, end, at (samples), detail
//	steps frontend                      the feature options as text
//
// Audio is 8 kHz mono int16, little endian; results go to standard output.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/timbre-voice/timbre/engine"
	"github.com/timbre-voice/timbre/engine/nn"
	"github.com/timbre-voice/timbre/engine/vad"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "steps:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("want features, scores, events or frontend")
	}
	fs := flag.NewFlagSet("steps", flag.ContinueOnError)
	weights := fs.String("weights", "", "safetensors file of the network; none for the energy detector")
	offMs := fs.Int("off-ms", 0, "events: minimum silence of speech in ms; 0 for the default")
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	w := bufio.NewWriterSize(out, 1<<20)
	defer w.Flush()
	if args[0] == "frontend" {
		_, err := fmt.Fprint(w, vad.FrontEnd())
		return err
	}
	var net *vad.Net
	if *weights != "" {
		b, err := os.ReadFile(*weights)
		if err != nil {
			return err
		}
		t, err := nn.LoadTensors(b)
		if err != nil {
			return err
		}
		if net, err = vad.LoadNet(t); err != nil {
			return err
		}
	}
	o := vad.DefaultOptions()
	if *offMs > 0 {
		o.Speech.MinOffMs = *offMs
		o.Speech.PadMs = min(o.Speech.PadMs, *offMs)
	}
	var write func([]float32)
	flush := func() {}
	switch args[0] {
	case "features":
		s, err := engine.NewStream(engine.StreamOptions{Fbank: vad.FrontEnd()})
		if err != nil {
			return err
		}
		emit := func(f *engine.Frame) { floats(w, f.LogMel) }
		s.Write(make([]float32, vad.WindowSamples-vad.StepSamples), emit) // as the detector: the first window ends with step 0
		write = func(x []float32) { s.Write(x, emit) }
	case "scores":
		s, err := vad.NewScorer(o, net)
		if err != nil {
			return err
		}
		emit := func(sc vad.Score) { floats(w, []float32{sc.Speech, sc.Music, sc.Noise}) }
		write, flush = func(x []float32) { s.Write(x, emit) }, func() { s.Flush(emit) }
	case "events":
		d, err := vad.NewDetector(o, net)
		if err != nil {
			return err
		}
		emit := func(e vad.Event) {
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\n", e.Type, e.Kind, e.Interval.Start, e.Interval.End, e.At, e.Detail)
		}
		write, flush = func(x []float32) { d.Write(x, emit) }, func() { d.Flush(emit) }
	default:
		return fmt.Errorf("%q, want features, scores, events or frontend", args[0])
	}
	if err := feed(in, write); err != nil {
		return err
	}
	flush()
	return w.Flush()
}

func feed(in io.Reader, write func([]float32)) error {
	raw, x := make([]byte, 1<<16), make([]float32, 1<<15)
	for {
		n, err := io.ReadFull(in, raw)
		for i := range n / 2 {
			x[i] = float32(int16(binary.LittleEndian.Uint16(raw[2*i:]))) / 32768
		}
		write(x[:n/2])
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func floats(w io.Writer, v []float32) {
	var b [4]byte
	for _, x := range v {
		binary.LittleEndian.PutUint32(b[:], math.Float32bits(x))
		w.Write(b[:]) // the error stays in the bufio.Writer and is returned by its Flush
	}
}
