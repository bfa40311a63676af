package people

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/timbre-voice/timbre/internal/table"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// BatchRow is one speaker of a batch.
type BatchRow struct {
	Speaker, Name                                      string
	Consent, ConsentText, ConsentChannel, Jurisdiction string
	Files                                              []BatchFile
}

// BatchFile is one recording of a speaker.
type BatchFile struct {
	Path    string // as the batch names it
	Channel int    // negative: the only one
}

// BatchDefaults is what holds for the rows that do not tell.
type BatchDefaults struct {
	Consent, ConsentText, ConsentChannel, Jurisdiction string
	Channel                                            int
}

// Row returns a speaker without recordings.
func (d BatchDefaults) Row(speaker string) BatchRow {
	return BatchRow{Speaker: speaker, Consent: d.Consent, ConsentText: d.ConsentText, ConsentChannel: d.ConsentChannel, Jurisdiction: d.Jurisdiction}
}

// Request asks for the speaker's enrolment, with the consent that the row vouches for.
func (r *BatchRow) Request(existing Existing, o voiceprint.EnrolOptions) Request {
	return Request{
		Speaker: r.Speaker, DisplayName: r.Name, Jurisdiction: r.Jurisdiction, ConsentRef: r.Consent, Existing: existing, Options: o,
		Consent: &store.Consent{TextVersion: r.ConsentText, Channel: r.ConsentChannel, Jurisdiction: r.Jurisdiction},
	}
}

// maxBatch bounds the recordings of a batch.
const maxBatch = 1_000_000

// ReadBatch reads a CSV with a header: columns speaker and path, and if wanted consent, consent_text, consent_channel, jurisdiction,
// channel and name; others are left alone. The rows of one speaker need not follow each other; what is said of the person in several
// rows must agree. Errors name the line.
func ReadBatch(r io.Reader, d BatchDefaults) ([]BatchRow, error) {
	t, err := table.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("header: %w, want columns speaker and path", err)
	}
	if !t.Has("speaker", "path") {
		return nil, fmt.Errorf("header %q, want columns speaker and path, and if wanted consent, consent_text, consent_channel, jurisdiction, channel, name", t.Header())
	}
	var out []BatchRow
	at, n := map[string]int{}, 0
	for row, err := range t.Rows() {
		if err != nil {
			return nil, err
		}
		if n++; n > maxBatch {
			return nil, fmt.Errorf("line %d: more than %d recordings", row.Line, maxBatch)
		}
		who, file := row.Value("speaker"), BatchFile{row.Value("path"), d.Channel}
		if who == "" || file.Path == "" {
			return nil, fmt.Errorf("line %d: speaker %q, path %q, want both", row.Line, who, file.Path)
		}
		if s := row.Value("channel"); s != "" {
			if file.Channel, err = strconv.Atoi(s); err != nil || file.Channel < 0 {
				return nil, fmt.Errorf("line %d: channel %q, want 0 or more", row.Line, s)
			}
		}
		i, known := at[who]
		if !known {
			i = len(out)
			at[who] = i
			out = append(out, d.Row(who))
		}
		if err := out[i].tell(row, known); err != nil {
			return nil, fmt.Errorf("line %d: %w", row.Line, err)
		}
		out[i].Files = append(out[i].Files, file)
	}
	if len(out) == 0 {
		return nil, errors.New("no rows, want at least one")
	}
	return out, nil
}

// tell takes what a row says of its speaker; what was said before must agree.
func (r *BatchRow) tell(row table.Row, known bool) error {
	for _, f := range []struct {
		column string
		to     *string
	}{{"name", &r.Name}, {"consent", &r.Consent}, {"consent_text", &r.ConsentText}, {"consent_channel", &r.ConsentChannel}, {"jurisdiction", &r.Jurisdiction}} {
		switch s := row.Value(f.column); {
		case s == "" || s == *f.to:
		case known && *f.to != "":
			return fmt.Errorf("%s %q of speaker %q, was %q before", f.column, s, r.Speaker, *f.to)
		default:
			*f.to = s
		}
	}
	return nil
}
