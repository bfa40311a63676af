package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/engine/audio"
)

// featuresFlags are the flags of timbre features.
type featuresFlags struct {
	kind, preset, format string
	channel              int
	rate                 string // native, or samples per second
	out                  string
}

func featureKinds() []string   { return []string{"mfcc", "fbank", "pitch", "vad"} }
func featurePresets() []string { return []string{"timbre", "kaldi", "librosa", "psf"} }
func featureFormats() []string { return []string{"csv", "json", "npy"} }

func (a *app) featuresCommand() *cobra.Command {
	f := featuresFlags{}
	cmd := &cobra.Command{
		Use:   "features FILE",
		Short: "Print the frames of a recording, for comparison with other tools",
		Long: `Print what is measured per frame of one channel: mel cepstra (mfcc), log-mel bands (fbank), pitch, or the probabilities
of speech, music and noise (vad).

In csv and json each frame carries the time of its middle in ms. csv has a line of names; json is one object with every
setting in it; npy is the bare matrix, float32 of shape (T, D), as other tools write it, T frames a constant hop apart.
What does not exist, as the pitch of an unvoiced frame, is an empty cell, null, or NaN.

The audio is brought to 8000 Hz first, as the analysis does; --rate native leaves it as it is. --preset takes the
settings of Kaldi, librosa (without its top_db) or python_speech_features (psf) in place of Timbre's own.`,
		Example: `  timbre features call.wav --channel 0
  timbre features call.wav --channel 1 --kind pitch --format json
  timbre features voice.wav --rate native --preset kaldi --format npy -o mfcc.npy`,
		Args: wantArgs(1, 1, "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.features(cmd, f, args[0])
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.kind, "kind", "mfcc", "`what` to print: "+strings.Join(featureKinds(), ", "))
	fs.StringVar(&f.preset, "preset", "timbre", "`whose` settings for mfcc and fbank: "+strings.Join(featurePresets(), ", "))
	fs.StringVar(&f.format, "format", "csv", "`format`: "+strings.Join(featureFormats(), ", "))
	fs.IntVar(&f.channel, "channel", -1, "number of the `channel`, from 0; required where there are several")
	fs.StringVar(&f.rate, "rate", "8000", "`Hz` to bring the audio to, 8000 to 48000, or native")
	fs.StringVarP(&f.out, "output", "o", "", "write into `FILE` instead of standard output")
	hideDefault(fs, "channel")
	return cmd
}

// check reports flags that make no sense and returns the rate asked for, 0 for native.
func (f *featuresFlags) check(cmd *cobra.Command) (rate int, err error) {
	for _, v := range []struct {
		flag, value string
		want        []string
	}{{"kind", f.kind, featureKinds()}, {"preset", f.preset, featurePresets()}, {"format", f.format, featureFormats()}} {
		if !slices.Contains(v.want, v.value) {
			return 0, usagef(cmd, "features: --%s: %q, want one of %s", v.flag, v.value, strings.Join(v.want, ", "))
		}
	}
	if cmd.Flags().Changed("channel") && f.channel < 0 {
		return 0, usagef(cmd, "features: --channel: %d, want 0 or more", f.channel)
	}
	if f.rate != "native" {
		if rate, err = strconv.Atoi(f.rate); err != nil || rate < 8000 || rate > 48000 {
			return 0, usagef(cmd, "features: --rate: %q, want native or 8000 to 48000", f.rate)
		}
	}
	if f.kind == "vad" && rate != 8000 {
		return 0, usagef(cmd, "features: --rate: %s with --kind vad, want 8000: the detector knows no other", f.rate)
	}
	if f.preset != "timbre" && f.kind != "mfcc" && f.kind != "fbank" {
		return 0, usagef(cmd, "features: --preset: %s with --kind %s, want timbre: presets are of mfcc and fbank", f.preset, f.kind)
	}
	return rate, nil
}

func (a *app) features(cmd *cobra.Command, f featuresFlags, path string) error {
	rate, err := f.check(cmd)
	if err != nil {
		return err
	}
	if _, tty := terminalWidth(a.con.stdout); f.format == "npy" && f.out == "" && tty {
		return usagef(cmd, "features: --format npy: standard output is a terminal, want -o FILE or another format")
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, reason(err))
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("%s: %w", path, reason(err))
	}
	if info.IsDir() {
		return fmt.Errorf("%s: a folder, want one file", path)
	}
	bar := newProgress(a.con, "reading", 1, info.Size())
	defer bar.end()
	rd, err := audio.NewReader(meteredReader{file, bar})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	format := rd.Format()
	switch {
	case f.channel < 0 && format.Channels > 1:
		return usagef(cmd, "features: %s has %d channels, want --channel 0 to %d", path, format.Channels, format.Channels-1)
	case f.channel >= format.Channels:
		return fmt.Errorf("%s: channel %d, want 0 to %d: the recording has %s", path, f.channel, format.Channels-1, count(format.Channels, "channel"))
	}
	f.channel = max(f.channel, 0)
	if rate == 0 {
		rate = format.Rate
	}
	write := func(w io.Writer) error { return f.extract(cmd.Context(), w, path, rd, rate) }
	if f.out != "" {
		err = writeFile(f.out, write)
	} else {
		err = write(a.con.outWriter())
	}
	if err != nil {
		return err
	}
	for _, w := range rd.Warnings() {
		a.log.Warn(w, "file", path)
	}
	return nil
}

// extract writes the frames of one channel of rd, brought to rate.
func (f *featuresFlags) extract(ctx context.Context, w io.Writer, path string, rd audio.Reader, rate int) error {
	x, err := newExtractor(f.kind, f.preset, rate)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	resample, err := audio.NewResampler(rd.Format().Rate, rate)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	sink, err := newFrameSink(w, f.format, frameTable{File: path, Kind: f.kind, Channel: f.channel, RateHz: rate,
		Options: x.options, TimeIs: "the middle of the frame", Columns: x.columns})
	if err != nil {
		return err
	}
	var failed error
	emit := func(timeMs float64, values []float32) {
		if failed == nil {
			failed = sink.row(timeMs, values)
		}
	}
	block := make([][]float32, rd.Format().Channels)
	for c := range block {
		block[c] = make([]float32, 4096)
	}
	var y []float32
	for total := 0; ; {
		n, err := rd.Read(block)
		total += n
		y = resample.Write(y[:0], block[f.channel][:n])
		x.write(y, emit)
		switch {
		case failed != nil:
			return failed
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w", path, context.Cause(ctx))
		case errors.Is(err, io.EOF) && total == 0:
			return fmt.Errorf("%s: %w: no samples after the header", path, audio.ErrTruncated)
		case errors.Is(err, io.EOF):
			x.write(resample.Flush(y[:0]), emit)
			x.flush(emit)
			if failed != nil {
				return failed
			}
			return sink.close()
		case err != nil:
			return fmt.Errorf("%s: %w", path, err)
		}
	}
}

// meteredReader tells a progress what was read.
type meteredReader struct {
	r   io.Reader
	bar *progress
}

func (m meteredReader) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.bar.add(int64(n))
	return n, err
}

// absent is the value of what does not exist.
var absent = float32(math.NaN())
