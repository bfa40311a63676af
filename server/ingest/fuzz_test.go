package ingest

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/internal/testkit"
)

// deaf is a peer that takes what we say and says nothing.
type deaf struct{ said [][]byte }

func (d *deaf) read() (bool, []byte, error)               { return false, nil, io.EOF }
func (d *deaf) readUntil(time.Time) (bool, []byte, error) { return false, nil, io.EOF }
func (d *deaf) writeText(b []byte) error                  { d.said = append(d.said, bytes.Clone(b)); return nil }
func (d *deaf) writeBinary([]byte) error                  { return nil }
func (d *deaf) ping() error                               { return nil }
func (d *deaf) interrupt()                                {}
func (d *deaf) drain(time.Duration) bool                  { return true }
func (d *deaf) close(int, string, time.Duration)          {}
func (d *deaf) hangUp()                                   {}
func (d *deaf) abort()                                    {}

// fuzzDialect feeds a protocol with messages, one a line: t and a text, or b and bytes. The seeds are those of the fixtures. What
// must hold: nothing panics; no more samples arrive than bytes can carry; nothing is written to a call after an error.
func fuzzDialect(f *testing.F, name, query string) {
	files, err := filepath.Glob("testdata/" + name + "/*.txt")
	if err != nil || len(files) == 0 && name != "audiosocket" {
		f.Fatalf("no fixtures of %s: %v", name, err)
	}
	for _, file := range files {
		f.Add(messages(f, testkit.Read(f, file)))
	}
	if name == "audiosocket" {
		f.Add([]byte("b\x010123456789abcdef\nb\x10\x00\x01\x00\x02\nb\x035\nb\x00"))
		f.Add([]byte("b\x01short\nb\x18\x00"))
		f.Add([]byte("b\x010123456789abcdef\nb\x10\x00\x01\nb\x11\x00\x01\nb\xff\x01"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		calls := newFakeCalls()
		h, err := New(Options{Calls: calls, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return fixtureNow }})
		if err != nil {
			t.Fatal(err)
		}
		d := h.dialects[name]
		u, err := url.Parse("/x?" + query)
		if err != nil {
			t.Fatal(err)
		}
		s := &stream{h: h, dialect: d, count: h.counters[name], ep: Endpoint{Tenant: "acme"}, peer: &deaf{}, log: h.log,
			request: &http.Request{URL: u, Header: http.Header{}, RemoteAddr: "127.0.0.1:9"}}
		p := d.protocol(s)
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			if len(line) < 2 {
				continue
			}
			var err error
			if line[0] == 't' {
				err = p.text(t.Context(), line[1:])
			} else {
				err = p.binary(t.Context(), line[1:])
			}
			if err != nil {
				if r := asRefusal(err); err != errStop && r.code == 0 {
					t.Fatalf("refusal without a code: %+v", r)
				}
				if err != errStop {
					p.refuse(asRefusal(err))
				}
				break
			}
		}
		if s.call != nil {
			if err := p.finish(t.Context()); err != nil {
				t.Logf("finish: %v", err)
			}
			if err := s.call.End(t.Context(), EndStop); err != nil {
				t.Fatal(err)
			}
			s.results.Wait()
		}
		const most = 60 * 48 // samples that a byte of opus can stand for, by far the most of any codec
		for _, c := range calls.calls {
			for _, n := range c.notes() {
				if strings.Contains(n, "\n") {
					t.Fatalf("a control character reached the call: %q", n)
				}
			}
			skipped := 0
			for _, x := range c.tracks {
				skipped += len(x)
			}
			if limit := len(data)*most + 1<<26; skipped > limit {
				t.Fatalf("%d samples of %d bytes", skipped, len(data))
			}
		}
	})
}

// messages turns the steps of a fixture into lines of a fuzz input.
func messages(tb testing.TB, script []byte) []byte {
	var out bytes.Buffer
	for line := range strings.Lines(string(script)) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch word {
		case ">":
			out.WriteString("t" + rest + "\n")
		case ">64":
			parts := strings.SplitN(rest, " ", 3)
			out.WriteString("t" + strings.Replace(parts[2], "%s", "/////w==", 1) + "\n")
		case ">>":
			out.WriteString("b" + strings.Repeat("\x7f", 40) + "\n")
		}
	}
	return out.Bytes()
}

func FuzzGeneric(f *testing.F) { fuzzDialect(f, "generic", "") }
func FuzzListen(f *testing.F) {
	fuzzDialect(f, "listen", "encoding=linear16&sample_rate=8000&channels=2")
}
func FuzzTwilio(f *testing.F)      { fuzzDialect(f, "twilio", "") }
func FuzzSignalWire(f *testing.F)  { fuzzDialect(f, "signalwire", "") }
func FuzzAudioHook(f *testing.F)   { fuzzDialect(f, "audiohook", "") }
func FuzzFreeSWITCH(f *testing.F)  { fuzzDialect(f, "freeswitch", "") }
func FuzzJambonz(f *testing.F)     { fuzzDialect(f, "jambonz", "") }
func FuzzAsterisk(f *testing.F)    { fuzzDialect(f, "asterisk", "") }
func FuzzAudioSocket(f *testing.F) { fuzzDialect(f, "audiosocket", "") }
func FuzzVonage(f *testing.F)      { fuzzDialect(f, "vonage", "") }
func FuzzTelnyx(f *testing.F)      { fuzzDialect(f, "telnyx", "") }

// FuzzSignatureInput holds that what is parsed covers what it was made of.
func FuzzSignatureInput(f *testing.F) {
	f.Add(`sig1=("@request-target" "x-api-key");keyid="k";nonce="n";alg="hmac-sha256";created=1;expires=2`)
	f.Add(`sig1=()`)
	f.Add(`a=("b";c="`)
	f.Fuzz(func(t *testing.T, s string) {
		in, err := parseSignatureInput(s)
		if err == nil && in.label+"="+in.raw != strings.TrimSpace(s) {
			t.Errorf("%q was parsed as %+v", s, in)
		}
	})
}

// FuzzQuery holds that no query of a generic stream breaks anything.
func FuzzQuery(f *testing.F) {
	f.Add("rate=8000&encoding=mulaw&channels=2&roles=customer,agent&agent_id=a")
	f.Add("rate=-1&encoding=l16&channels=99999999999999999999")
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		m, err := mergeQuery(genericMessage{}, q, Endpoint{})
		if err == nil && m.Validate() != nil {
			t.Errorf("query %q gives a binding that is not valid: %v", query, m.Validate())
		}
	})
}
