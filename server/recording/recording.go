package recording

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/timbre-voice/timbre/engine/audio"
)

const (
	buffered  = 16 << 10 // bytes of each channel that are not in the file yet
	copied    = 4096     // frames that are interleaved at a time
	maxFrames = 1 << 29  // of one call, 18 h at 8000 Hz: two channels of 16 bits are then what a WAV file has room for
)

// ErrTooLong reports a call that is longer than a recording can be.
var ErrTooLong = errors.New("recording: too long")

// Recording is the audio of one running call. Safe for concurrent use, one goroutine per channel at a time.
type Recording struct {
	dir, id  string
	rate     int
	encoding string
	width    int    // bytes of a sample
	silence  []byte // one sample

	mu       sync.Mutex
	channels []*track // nil: nothing came on it yet
	over     bool
}

// track is the file of one channel.
type track struct {
	file   *os.File
	out    *bufio.Writer
	frames int64
	packet []byte
}

// Begin starts the recording of a call. G.711 is kept as it arrives, mulaw or alaw; any other encoding as 16 bits.
func (f *Folder) Begin(tenant, id string, rate int, encoding string) (*Recording, error) {
	if err := errors.Join(part("tenant", tenant), part("call", id)); err != nil {
		return nil, err
	}
	if encoding != "mulaw" && encoding != "alaw" {
		encoding = "pcm_s16le"
	}
	if _, err := audio.WAVHeader(encoding, rate, 1, 0); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	silence, err := audio.Encode(nil, encoding, []float32{0})
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	dir := filepath.Join(f.dir, tenant)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	return &Recording{dir: dir, id: id, rate: rate, encoding: encoding, width: len(silence), silence: silence}, nil
}

// track returns the file of a channel with room for n frames more. For the holder of mu.
func (r *Recording) track(channel int, n int64) (*track, error) {
	if r.over || channel < 0 || channel >= audio.MaxChannels {
		return nil, fmt.Errorf("recording: channel %d, want 0 to %d of one that is not over", channel, audio.MaxChannels-1)
	}
	for len(r.channels) <= channel {
		r.channels = append(r.channels, nil)
	}
	t := r.channels[channel]
	if t == nil {
		file, err := os.OpenFile(r.partOf(strconv.Itoa(channel)), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, fmt.Errorf("recording: %w", err)
		}
		t = &track{file: file, out: bufio.NewWriterSize(file, buffered)}
		r.channels[channel] = t
	}
	if n < 0 || n > maxFrames-t.frames {
		return nil, fmt.Errorf("%w: channel %d: %d samples after %d, want %d in all", ErrTooLong, channel, n, t.frames, maxFrames)
	}
	t.frames += n
	return t, nil
}

func (r *Recording) partOf(what string) string {
	return filepath.Join(r.dir, r.id+"."+what+partEnding)
}

// Write adds samples in [-1, 1] to a channel. After an error the recording is of no use: Discard it.
func (r *Recording) Write(channel int, x []float32) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, err := r.track(channel, int64(len(x)))
	if err != nil {
		return err
	}
	if t.packet, err = audio.Encode(t.packet[:0], r.encoding, x); err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	if _, err := t.out.Write(t.packet); err != nil {
		return fmt.Errorf("recording: channel %d: %w", channel, err)
	}
	return nil
}

// Skip adds n samples of silence to a channel, as Write does.
func (r *Recording) Skip(channel int, n int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, err := r.track(channel, n)
	if err != nil {
		return err
	}
	for range n {
		if _, err := t.out.Write(r.silence); err != nil {
			return fmt.Errorf("recording: channel %d: %w", channel, err)
		}
	}
	return nil
}

// Finish ends the recording and returns the name of its file, in which every channel is as long as the longest; "" where there
// was no audio. After an error nothing is left of it.
func (r *Recording) Finish() (name string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return "", errors.New("recording: finished twice")
	}
	r.over = true
	defer func() { err = errors.Join(err, r.removeParts()) }()
	var frames int64
	for _, t := range r.channels {
		if t != nil {
			frames = max(frames, t.frames)
		}
	}
	if frames == 0 {
		return "", nil
	}
	whole := r.partOf("whole")
	if err := r.compose(whole, frames); err != nil {
		return "", errors.Join(err, removed(whole))
	}
	if err := os.Rename(whole, filepath.Join(r.dir, r.id+ending)); err != nil {
		return "", errors.Join(fmt.Errorf("recording: %w", err), removed(whole))
	}
	return r.id + ending, nil
}

// compose lays the channels side by side.
func (r *Recording) compose(path string, frames int64) (err error) {
	header, err := audio.WAVHeader(r.encoding, r.rate, len(r.channels), frames)
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	defer func() {
		if cerr := file.Close(); cerr != nil && err == nil {
			err = fmt.Errorf("recording: %w", cerr)
		}
	}()
	for c, t := range r.channels {
		if t == nil {
			continue
		}
		if err := t.out.Flush(); err != nil {
			return fmt.Errorf("recording: channel %d: %w", c, err)
		}
		if _, err := t.file.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("recording: channel %d: %w", c, err)
		}
	}
	block := r.width * len(r.channels)
	lane, flat := make([]byte, copied*r.width), make([]byte, copied*block)
	if _, err := file.Write(header); err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	for at := int64(0); at < frames; at += copied {
		n := int(min(copied, frames-at))
		for c, t := range r.channels {
			have := 0
			if t != nil {
				have = int(min(max(t.frames-at, 0), int64(n)))
				if _, err := io.ReadFull(t.file, lane[:have*r.width]); err != nil {
					return fmt.Errorf("recording: channel %d at frame %d: %w", c, at, err)
				}
			}
			for i := range n {
				from := r.silence
				if i < have {
					from = lane[i*r.width:]
				}
				copy(flat[i*block+c*r.width:], from[:r.width])
			}
		}
		if _, err := file.Write(flat[:n*block]); err != nil {
			return fmt.Errorf("recording: %w", err)
		}
	}
	if frames*int64(block)%2 == 1 {
		if _, err := file.Write([]byte{0}); err != nil {
			return fmt.Errorf("recording: %w", err)
		}
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	return nil
}

// Discard ends the recording and leaves nothing of it. It does nothing after Finish.
func (r *Recording) Discard() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return nil
	}
	r.over = true
	return r.removeParts()
}

func (r *Recording) removeParts() error {
	var errs []error
	for c, t := range r.channels {
		if t == nil {
			continue
		}
		t.file.Close() // what could not be written was told before
		errs = append(errs, removed(r.partOf(strconv.Itoa(c))))
	}
	return errors.Join(errs...)
}

func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("recording: %w", err)
	}
	return nil
}
