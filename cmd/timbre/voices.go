package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/engine/timeline"
	"github.com/timbre-voice/timbre/engine/vad"
	"github.com/timbre-voice/timbre/internal/degrade"
	"github.com/timbre-voice/timbre/models"
	"github.com/timbre-voice/timbre/voiceprint"
)

// speakerModel is the shipped network behind voiceprints.
const speakerModel = "speaker-tdnn-v1"

// voiceFlags are the flags of every command that hears voices.
type voiceFlags struct {
	model       string
	calibration string
	channel     int
}

func (f *voiceFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.model, "model", speakerModel, "`NAME` of a shipped speaker model, or the folder of another one")
	fs.StringVar(&f.calibration, "calibration", "", "`FILE` of timbre calibrate verification, in place of the model's own calibration")
	fs.IntVar(&f.channel, "channel", -1, "number of the `channel`, from 0; required where a recording has several")
	hideDefault(fs, "channel")
}

func (f *voiceFlags) check(cmd *cobra.Command) error {
	if cmd.Flags().Changed("channel") && f.channel < 0 {
		return usagef(cmd, "%s: --channel: %d, want 0 or more", cmd.Name(), f.channel)
	}
	return nil
}

// voices hears who speaks in recordings: the speaker model and the speech detector before it. Safe for concurrent use.
type voices struct {
	model      *voiceprint.Model
	manifest   models.Manifest
	detector   *vad.Net
	extractors sync.Pool // of *voiceprint.Extractor
}

// loadVoices loads the models that f names.
func loadVoices(f voiceFlags) (*voices, error) {
	speech, err := models.Load(vadModel)
	if err != nil {
		return nil, err
	}
	v := &voices{}
	if v.detector, err = vad.LoadNet(speech.Tensors); err != nil {
		return nil, err
	}
	artefact, err := loadArtefact(f.model)
	if err != nil {
		return nil, err
	}
	v.manifest = artefact.Manifest
	if v.model, err = voiceprint.LoadModel(artefact); err != nil {
		return nil, err
	}
	if f.calibration != "" {
		b, err := readSmall(f.calibration, 1<<20)
		if err != nil {
			return nil, err
		}
		c, err := voiceprint.ParseCalibration(b)
		if err == nil {
			v.model, err = v.model.WithCalibration(c)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.calibration, err)
		}
	}
	return v, nil
}

// loadArtefact returns a shipped model by name, or the one in a folder: whatever holds a separator is a folder.
func loadArtefact(name string) (*models.Artefact, error) {
	if !strings.ContainsAny(name, `/\`) {
		a, err := models.Load(name)
		if err != nil {
			return nil, unknownModel(err)
		}
		return a, nil
	}
	dir := filepath.Clean(name)
	a, err := models.NewStore(os.DirFS(filepath.Dir(dir))).Load(filepath.Base(dir))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return a, nil
}

// readSmall returns the content of a file of at most limit bytes.
func readSmall(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s: more than %d bytes, want at most that", path, limit)
	}
	return b, nil
}

// errChannel marks a recording of several channels of which none was chosen.
var errChannel = errors.New("want --channel")

// hearing is what was heard on one channel of a recording.
type hearing struct {
	speech   voiceprint.Speech
	audio    time.Duration // pauses included
	codec    string
	warnings []string
}

// hear returns the net speech of one channel of a recording, a negative channel being the only one. The recording is put through
// line first. Errors name the file; errChannel where a channel has to be named.
func (v *voices) hear(ctx context.Context, path string, channel int, line degrade.Line, bar *progress) (*hearing, error) {
	h, err := v.hearFile(ctx, path, channel, line, bar)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return h, nil
}

func (v *voices) hearFile(ctx context.Context, path string, channel int, line degrade.Line, bar *progress) (*hearing, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, reason(err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil {
		return nil, reason(err)
	} else if info.IsDir() {
		return nil, errors.New("a folder, want one file")
	}
	rd, err := audio.NewReader(meteredReader{file, bar})
	if err != nil {
		return nil, err
	}
	format := rd.Format()
	switch {
	case channel < 0 && format.Channels > 1:
		return nil, fmt.Errorf("the recording has %d channels, %w 0 to %d", format.Channels, errChannel, format.Channels-1)
	case channel >= format.Channels:
		return nil, fmt.Errorf("channel %d, want 0 to %d: the recording has %s", channel, format.Channels-1, count(format.Channels, "channel"))
	}
	channel = max(channel, 0)
	rate := format.Rate
	if line != degrade.None {
		rate = degrade.Rate
	}
	c, err := voiceprint.NewCollector(voiceprint.DefaultCollector(rate), v.detector)
	if err != nil {
		return nil, err
	}
	var whole []float32 // only where a line needs all of it at once
	take := c.Write
	if line != degrade.None {
		take = func(x []float32) error { whole = append(whole, x...); return nil }
	}
	if err := readChannel(ctx, rd, channel, take); err != nil {
		return nil, err
	}
	if line != degrade.None {
		x, _, err := line.Apply(whole, format.Rate)
		if err != nil {
			return nil, err
		}
		if err := c.Write(x); err != nil {
			return nil, err
		}
	}
	heard := c.Heard()
	c.Flush()
	return &hearing{speech: c.Speech(), audio: heard, codec: format.Encoding, warnings: rd.Warnings()}, nil
}

// readChannel hands the samples of one channel to take until the stream ends.
func readChannel(ctx context.Context, rd audio.Reader, channel int, take func([]float32) error) error {
	return readBlocks(ctx, rd, func(block [][]float32) error { return take(block[channel]) })
}

// readBlocks hands the samples of rd to take, block by block, one slice a channel, good until it returns.
func readBlocks(ctx context.Context, rd audio.Reader, take func([][]float32) error) error {
	block := make([][]float32, rd.Format().Channels)
	for c := range block {
		block[c] = make([]float32, 4096)
	}
	got := make([][]float32, len(block))
	for total := 0; ; {
		n, err := rd.Read(block)
		total += n
		for c := range block {
			got[c] = block[c][:n]
		}
		if e := take(got); e != nil {
			return e
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, io.EOF) && total == 0:
			return fmt.Errorf("%w: no samples after the header", audio.ErrTruncated)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// embed returns the embedding of net speech.
func (v *voices) embed(s voiceprint.Speech) (voiceprint.Embedding, error) {
	e, err := v.extractor()
	if err != nil {
		return voiceprint.Embedding{}, err
	}
	defer v.extractors.Put(e)
	return e.Embed(s)
}

// extractor returns an extractor that nobody else uses until it is put back.
func (v *voices) extractor() (*voiceprint.Extractor, error) {
	if e, ok := v.extractors.Get().(*voiceprint.Extractor); ok {
		return e, nil
	}
	return v.model.NewExtractor()
}

// netMs returns the length of net speech in ms.
func netMs(s voiceprint.Speech) int64 {
	return timeline.Ms(int64(len(s.Samples)), voiceprint.Rate)
}
