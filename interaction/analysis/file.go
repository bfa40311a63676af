package analysis

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/csat"
	"github.com/timbre-voice/timbre/interaction/policy"
)

// Roles says which channel of a recording is whose. A negative number means that nobody told.
type Roles struct {
	Agent, Customer int
}

// RolesUntold returns the Roles of a recording about which nothing is known: two channels are then taken as 0 = agent and
// 1 = customer, any other number as unknown.
func RolesUntold() Roles { return Roles{Agent: -1, Customer: -1} }

// FileOptions says how a recording is analysed.
type FileOptions struct {
	Channels Roles
	Agent    string // the site's id of the agent, may be empty
	Customer string // the site's id of the customer, may be empty
	Language string // BCP 47 tag, may be empty
	Permit   policy.Permit
	Engine   *Engine
	Voice    Voice                          // nil: nobody is known by voice
	Normals  Normals                        // nil: nothing is known of earlier calls
	Claim    string                         // whom the customer claims to be, may be empty
	CSAT     *csat.Model                    // the site's calibration; nil: none
	Progress func(done, total int64)        // bytes read of the file; nil: none. Called by the reading goroutine
	Tap      func(channel int, x []float32) // the samples of each channel as they are read, at the file's rate; nil: none
}

// channelRolesAttribute is the attribute that tells how the roles of a recording came about: told, or default.
const channelRolesAttribute = "channel_roles"

// AnalyzeFile analyses the recording at path and returns its record.
//
// The record's id is made of the file's content, so the same recording has the same id however often and wherever it is
// analysed. A recording that breaks off is read as far as it goes: its record is in state interrupted and media.warnings says
// where. The error names the file and what was wrong with it; errors.Is finds those of package audio and of package os.
func AnalyzeFile(ctx context.Context, path string, o FileOptions) (*interaction.Interaction, error) {
	r, err := analyzeFile(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func analyzeFile(ctx context.Context, path string, o FileOptions) (*interaction.Interaction, error) {
	f, err := os.Open(path)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			return nil, pe.Err // AnalyzeFile names the path
		}
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("analysis: %s, want a regular file", info.Mode().Type())
	}
	digest := sha256.New()
	if _, err := io.Copy(digest, cancellableReader{ctx, f}); err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	in := &countingReader{r: f, total: info.Size(), progress: o.Progress}
	rd, err := audio.NewReader(in)
	if err != nil {
		return nil, err
	}
	format := rd.Format()
	channels, how, err := o.Channels.assign(format.Channels, o)
	if err != nil {
		return nil, err
	}
	s, err := o.Engine.NewSession(Options{
		ID:       hex.EncodeToString(digest.Sum(nil)[:16]),
		Rate:     format.Rate,
		Channels: channels,
		Permit:   o.Permit,
		CSAT:     o.CSAT,
		Voice:    o.Voice,
		Normals:  o.Normals,
		Contact: interaction.Contact{
			Language:   o.Language,
			Attributes: map[string]string{channelRolesAttribute: how},
			Source:     interaction.Source{Kind: "file", URI: filepath.Base(path)},
			Media:      interaction.Media{Encoding: format.Encoding},
		},
	})
	if err != nil {
		return nil, err
	}
	defer s.Abort()
	who := interaction.Binding{ClaimedIdentity: o.Claim, CustomerID: o.Customer}
	told := s.ask(ctx, &who)
	if err := s.send(ctx, piece{do: told}); err != nil {
		return nil, err
	}
	if err := feed(ctx, s, rd, o.Tap); err != nil {
		return nil, err
	}
	s.warn(rd.Warnings())
	if rd.Truncated() {
		return s.Interrupt(ctx)
	}
	return s.Close(ctx)
}

// feed reads rd to its end into s.
func feed(ctx context.Context, s *Session, rd audio.Reader, tap func(int, []float32)) error {
	block := make([][]float32, rd.Format().Channels)
	for c := range block {
		block[c] = make([]float32, pieceLen)
	}
	for total := 0; ; {
		n, err := rd.Read(block)
		for c := range block {
			if tap != nil && n > 0 {
				tap(c, block[c][:n])
			}
			if err := s.Write(ctx, c, block[c][:n]); err != nil {
				return err
			}
		}
		total += n
		switch {
		case err == io.EOF && total == 0:
			return fmt.Errorf("%w: no samples after the header", audio.ErrTruncated)
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// assign gives each of n channels its role, and tells whether the roles were told or are the default.
func (r Roles) assign(n int, o FileOptions) ([]Channel, string, error) {
	for _, side := range []struct {
		role    interaction.Role
		channel int
	}{{interaction.RoleAgent, r.Agent}, {interaction.RoleCustomer, r.Customer}} {
		if side.channel >= n {
			return nil, "", fmt.Errorf("analysis: %s channel %d, want 0 to %d: the recording has %d", side.role, side.channel, n-1, n)
		}
	}
	if r.Agent >= 0 && r.Agent == r.Customer {
		return nil, "", fmt.Errorf("analysis: agent and customer are both on channel %d, want two channels", r.Agent)
	}
	how := "told"
	if r.Agent < 0 && r.Customer < 0 {
		how = "default"
	}
	if n == 2 {
		switch {
		case how == "default":
			r = Roles{Agent: 0, Customer: 1}
		case r.Agent < 0:
			r.Agent = 1 - r.Customer
		case r.Customer < 0:
			r.Customer = 1 - r.Agent
		}
	}
	channels := make([]Channel, n)
	for i := range channels {
		// A lone channel about which nothing is told carries both sides.
		channels[i] = Channel{Role: interaction.RoleUnknown, Separated: n > 1}
	}
	if r.Agent >= 0 {
		channels[r.Agent] = Channel{Role: interaction.RoleAgent, ExternalID: o.Agent, Separated: true}
	}
	if r.Customer >= 0 {
		channels[r.Customer] = Channel{Role: interaction.RoleCustomer, ExternalID: o.Customer, Separated: true}
	}
	return channels, how, nil
}

// cancellableReader ends with the context's error.
type cancellableReader struct {
	ctx context.Context
	r   io.Reader
}

func (c cancellableReader) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}

// countingReader reports how much was read.
type countingReader struct {
	r           io.Reader
	done, total int64
	progress    func(done, total int64)
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.done += int64(n)
	if c.progress != nil {
		c.progress(c.done, c.total)
	}
	return n, err
}
