package backing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/console"
)

// AudioOptions says where the audio of calls is.
type AudioOptions struct {
	Dir   string   // holds a folder for each tenant with the audio that the server keeps; "": none is kept
	Hosts []string // the hosts of platforms that linked recordings may be fetched from; any other address is refused
	// Client fetches linked recordings; nil: one that follows no redirect and gives up after a minute.
	Client *http.Client
}

// Audio plays what was kept or linked. Safe for concurrent use.
type Audio struct {
	opts AudioOptions
}

var _ console.Audio = (*Audio)(nil)

// NewAudio returns the audio of calls.
func NewAudio(o AudioOptions) *Audio {
	if o.Client == nil {
		o.Client = &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return &Audio{o}
}

// maxLinked bounds the bytes of a linked recording that a waveform is drawn of: an hour of two channels in 16 bits at 48 kHz.
const maxLinked = 700 << 20

// Available implements console.Audio.
func (a *Audio) Available(_ context.Context, r *interaction.Interaction) string {
	switch r.Contact.Audio.Kept {
	case "timbre":
		f, err := a.open(r)
		if err != nil {
			return "audio.missing"
		}
		f.Close()
		return ""
	case "external":
		if _, err := a.linked(r); err != nil {
			return "audio.host"
		}
		return ""
	}
	return "audio.none"
}

// open opens a kept recording. Errors: console.ErrNotFound.
func (a *Audio) open(r *interaction.Interaction) (*os.File, error) {
	name, ok := strings.CutPrefix(r.Contact.Audio.URI, interaction.KeptScheme)
	tenant := r.Contact.Tenant
	if a.opts.Dir == "" || !ok || !filepath.IsLocal(name) || !filepath.IsLocal(tenant) || strings.ContainsAny(tenant, `/\`) {
		return nil, fmt.Errorf("%w: backing: audio of %q", console.ErrNotFound, r.Contact.ID)
	}
	// A root cannot be left, whatever links lie below it.
	root, err := os.OpenRoot(filepath.Join(a.opts.Dir, tenant))
	if err != nil {
		return nil, missing(err)
	}
	defer root.Close()
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, missing(err)
	}
	return f, nil
}

func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: backing: audio: %w", console.ErrNotFound, err)
	}
	return fmt.Errorf("backing: audio: %w", err)
}

// linked returns the address of a linked recording, if its host is one that may be asked.
func (a *Audio) linked(r *interaction.Interaction) (*url.URL, error) {
	u, err := url.Parse(r.Contact.Audio.URI)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || !slices.Contains(a.opts.Hosts, u.Host) {
		return nil, fmt.Errorf("%w: backing: linked audio: the host is none of those that may be asked", console.ErrNotFound)
	}
	return u, nil
}

// Serve implements console.Audio.
func (a *Audio) Serve(w http.ResponseWriter, req *http.Request, r *interaction.Interaction) error {
	if r.Contact.Audio.Kept == "external" {
		return a.pass(w, req, r)
	}
	f, err := a.open(r)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return missing(err)
	}
	w.Header().Set("Content-Type", mediaType(f.Name()))
	http.ServeContent(w, req, "", info.ModTime(), f)
	return nil
}

// mediaType names the type of a recording by its file's name.
func mediaType(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".wav":
		return "audio/wav"
	case ".mp3":
		return "audio/mpeg"
	case ".ogg", ".opus":
		return "audio/ogg"
	case ".flac":
		return "audio/flac"
	}
	return "application/octet-stream"
}

// passed are the headers of a platform's answer that the browser gets. Read only.
var passed = []string{"Content-Type", "Content-Length", "Content-Range", "Accept-Ranges", "Last-Modified", "Etag"}

// pass hands a linked recording on, with the range that was asked for. The browser never learns the address.
func (a *Audio) pass(w http.ResponseWriter, req *http.Request, r *interaction.Interaction) error {
	resp, err := a.fetch(req.Context(), r, req.Header.Get("Range"))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for _, h := range passed {
		if v := resp.Header.Get(h); v != "" {
			w.Header().Set(h, v)
		}
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "audio/") {
		w.Header().Set("Content-Type", "application/octet-stream") // never a page of somebody else under our name
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body) // a player that stops asks no more
	return nil
}

func (a *Audio) fetch(ctx context.Context, r *interaction.Interaction, part string) (*http.Response, error) {
	u, err := a.linked(r)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("backing: linked audio: %w", err)
	}
	if part != "" {
		req.Header.Set("Range", part)
	}
	resp, err := a.opts.Client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("backing: linked audio: %w", err)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent {
		resp.Body.Close()
		return nil, fmt.Errorf("%w: backing: linked audio: status %d, want 200 or 206", console.ErrNotFound, resp.StatusCode)
	}
	return resp, nil
}

// Peaks implements console.Audio.
func (a *Audio) Peaks(ctx context.Context, r *interaction.Interaction, n int) ([][]float32, error) {
	var in io.ReadCloser
	if r.Contact.Audio.Kept == "external" {
		resp, err := a.fetch(ctx, r, "")
		if err != nil {
			return nil, err
		}
		in = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxLinked), resp.Body}
	} else {
		f, err := a.open(r)
		if err != nil {
			return nil, err
		}
		in = f
	}
	defer in.Close()
	rd, err := audio.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("backing: peaks: %w", err)
	}
	return peaks(ctx, rd, n, r.Contact.DurationMs)
}

// peakBlock is how many samples are read at once.
const peakBlock = 8192

// peaks returns the largest magnitude of each channel in n equal parts of durationMs; what lies beyond it is in none.
func peaks(ctx context.Context, rd audio.Reader, n int, durationMs int64) ([][]float32, error) {
	f := rd.Format()
	total := max(durationMs*int64(f.Rate)/1000, 1)
	block, out := make([][]float32, f.Channels), make([][]float32, f.Channels)
	for ch := range block {
		block[ch], out[ch] = make([]float32, peakBlock), make([]float32, n)
	}
	for at := int64(0); ; {
		got, err := rd.Read(block)
		for ch := range block {
			for i, x := range block[ch][:got] {
				if x < 0 {
					x = -x
				}
				if k := (at + int64(i)) * int64(n) / total; k < int64(n) && x > out[ch][k] {
					out[ch][k] = x
				}
			}
		}
		at += int64(got)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("backing: peaks: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}
