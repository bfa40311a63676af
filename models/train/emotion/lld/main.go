// Command lld runs the engine's own features over a pool of clips, so that training sees exactly what a session computes.
//
//	lld -table emotion.tsv -audio VERSION.s16 -functionals F.f32 [-cepstra C.f32] [-cuts]
//	lld names
//
// The table is tab-separated with a header; its columns start and length place each clip in the audio, 8 kHz mono int16, little
// endian. Each clip is cut to its speech as eval does. F.f32 has a row of functionals per clip, NaN where too little was heard;
// C.f32 has what the trunk hears, 40 cepstra of all frames one after another, and C.f32.index one line per clip: its frames.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/timbre-voice/timbre/engine/vad"
	"github.com/timbre-voice/timbre/models"
	"github.com/timbre-voice/timbre/sentiment"
	"github.com/timbre-voice/timbre/sentiment/eval"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "lld:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) > 0 && args[0] == "names" {
		_, err := fmt.Fprintf(out, "%s\n%s\n", sentiment.FeatureSet, strings.Join(sentiment.FunctionalNames(), "\n"))
		return err
	}
	fs := flag.NewFlagSet("lld", flag.ContinueOnError)
	table := fs.String("table", "", "where each clip lies")
	audio := fs.String("audio", "", "the clips")
	functionals := fs.String("functionals", "", "file for the functionals")
	cepstra := fs.String("cepstra", "", "file for the cepstra of the frames; none when empty")
	cuts := fs.Bool("cuts", false, "print where the speech of each clip begins and ends, in samples from its start")
	if err := fs.Parse(args); err != nil {
		return err
	}
	clips, err := readTable(*table)
	if err != nil {
		return err
	}
	in, err := os.Open(*audio)
	if err != nil {
		return err
	}
	defer in.Close()
	w := &writer{}
	if w.functionals, err = newFile(*functionals); err != nil {
		return err
	}
	if *cepstra != "" {
		if w.cepstra, err = newFile(*cepstra); err != nil {
			return err
		}
		if w.index, err = newFile(*cepstra + ".index"); err != nil {
			return err
		}
	}
	if *cuts {
		w.cuts = out
	}
	if err := extract(clips, in, w); err != nil {
		return err
	}
	return w.close()
}

// clip is a stretch of the pool, in samples.
type clip struct{ start, length int64 }

// readTable returns the columns start and length.
func readTable(path string) ([]clip, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.ReuseRecord = '\t', true
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	start, length := slices.Index(head, "start"), slices.Index(head, "length")
	if start < 0 || length < 0 {
		return nil, fmt.Errorf("%s: columns %q, want start and length among them", path, head)
	}
	var out []clip
	for {
		row, err := r.Read()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		s, errS := strconv.ParseInt(row[start], 10, 64)
		n, errN := strconv.ParseInt(row[length], 10, 64)
		if err := errors.Join(errS, errN); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if s < 0 || n < 0 || n > 3600*sentiment.Rate {
			return nil, fmt.Errorf("%s: clip of %d samples at %d, want at most an hour", path, n, s)
		}
		out = append(out, clip{s, n})
	}
}

func extract(clips []clip, in io.ReaderAt, w *writer) error {
	a, err := models.Load("vad-gru-v1")
	if err != nil {
		return err
	}
	net, err := vad.LoadNet(a.Tensors)
	if err != nil {
		return err
	}
	d, err := vad.NewDetector(vad.DefaultOptions(), net)
	if err != nil {
		return err
	}
	r, err := sentiment.NewReader()
	if err != nil {
		return err
	}
	row := make([]float64, sentiment.NumFunctionals)
	for i, c := range clips {
		raw := make([]byte, 2*c.length)
		if _, err := in.ReadAt(raw, 2*c.start); err != nil {
			return fmt.Errorf("clip %d at %d: %w", i, c.start, err)
		}
		x := make([]float32, c.length)
		for j := range x {
			x[j] = float32(int16(binary.LittleEndian.Uint16(raw[2*j:]))) / 32768
		}
		v := eval.Speech(d, x, 0)
		if w.cuts != nil {
			if _, err := fmt.Fprintln(w.cuts, v.Start, v.End); err != nil {
				return err
			}
		}
		w.put(row, r.Read(row, x[v.Start:v.End]))
	}
	return nil
}

// writer holds the output files; cepstra, index and cuts may be nil.
type writer struct {
	functionals, cepstra, index *file
	cuts                        io.Writer
}

func (w *writer) put(row []float64, d *sentiment.Descriptors) {
	for _, v := range row {
		w.functionals.float(float32(v))
	}
	if w.cepstra == nil {
		return
	}
	for _, v := range d.Cepstra {
		w.cepstra.float(v)
	}
	fmt.Fprintln(w.index.b, d.Frames())
}

func (w *writer) close() error {
	var errs []error
	for _, f := range []*file{w.functionals, w.cepstra, w.index} {
		if f != nil {
			errs = append(errs, f.b.Flush(), f.f.Close())
		}
	}
	return errors.Join(errs...)
}

type file struct {
	f *os.File
	b *bufio.Writer
}

func newFile(path string) (*file, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &file{f, bufio.NewWriterSize(f, 1<<20)}, nil
}

func (f *file) float(v float32) {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], math.Float32bits(v))
	f.b.Write(b[:]) // the error stays in the bufio.Writer and is returned by its Flush
}
