package people

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

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
	c := csv.NewReader(r)
	head, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("header: %w, want columns speaker and path", err)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	if !slices.Contains(head, "speaker") || !slices.Contains(head, "path") {
		return nil, fmt.Errorf("header %q, want columns speaker and path, and if wanted consent, consent_text, consent_channel, jurisdiction, channel, name", head)
	}
	var out []BatchRow
	at := map[string]int{}
	for n := 0; ; n++ {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		line, _ := c.FieldPos(0)
		if n == maxBatch {
			return nil, fmt.Errorf("line %d: more than %d recordings", line, maxBatch)
		}
		value := func(name string) string {
			if i := slices.Index(head, name); i >= 0 {
				return row[i]
			}
			return ""
		}
		who, file := value("speaker"), BatchFile{value("path"), d.Channel}
		if who == "" || file.Path == "" {
			return nil, fmt.Errorf("line %d: speaker %q, path %q, want both", line, who, file.Path)
		}
		if s := value("channel"); s != "" {
			if file.Channel, err = strconv.Atoi(s); err != nil || file.Channel < 0 {
				return nil, fmt.Errorf("line %d: channel %q, want 0 or more", line, s)
			}
		}
		i, known := at[who]
		if !known {
			i = len(out)
			at[who] = i
			out = append(out, d.Row(who))
		}
		if err := out[i].tell(value, known); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		out[i].Files = append(out[i].Files, file)
	}
	if len(out) == 0 {
		return nil, errors.New("no rows, want at least one")
	}
	return out, nil
}

// tell takes what a row says of its speaker; what was said before must agree.
func (r *BatchRow) tell(value func(column string) string, known bool) error {
	for _, f := range []struct {
		column string
		to     *string
	}{{"name", &r.Name}, {"consent", &r.Consent}, {"consent_text", &r.ConsentText}, {"consent_channel", &r.ConsentChannel}, {"jurisdiction", &r.Jurisdiction}} {
		switch s := value(f.column); {
		case s == "" || s == *f.to:
		case known && *f.to != "":
			return fmt.Errorf("%s %q of speaker %q, was %q before", f.column, s, r.Speaker, *f.to)
		default:
			*f.to = s
		}
	}
	return nil
}
