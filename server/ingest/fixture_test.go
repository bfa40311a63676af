package ingest

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
)

// A fixture is a conversation of one dialect, written by hand after the platform's description of its messages, in lines:
//
//	path /v1/...        where to connect, with a query; the dialect's own path by default
//	endpoint k=v ...    what the site configured: token, secret, apikey, public, encoding, rate, channels, results, role.TRACK
//	header Name: value  of the upgrade
//	> text              a text message
//	>> N HEX            a binary message of N times those bytes
//	>64 N HEX ... %s    a text message with N times those bytes in base64 in place of %s, after the second space
//	< part              the server's next text must contain this
//	close, drop         how the client ends; without it the server must
//
// Beside it, in a file that ends in .want, stands what became of it: what the call saw, what the server said and how it closed.
// The tests fail on any difference.
func TestFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txt")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d fixtures, error %v, want at least 40", len(files), err)
	}
	for _, file := range files {
		dialect := filepath.Base(filepath.Dir(file))
		t.Run(dialect+"/"+strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			got := runFixture(t, dialect, testkit.Read(t, file))
			testkit.Text(t, strings.TrimSuffix(file, ".txt")+".want", got)
		})
	}
}

// fixtureNow is the clock of signatures and tokens in fixtures.
var fixtureNow = time.Unix(1795293286, 0)

func runFixture(t *testing.T, dialect string, script []byte) []byte {
	t.Helper()
	path := map[string]string{"generic": "/v1/stream", "listen": "/v1/listen"}[dialect]
	if path == "" {
		path = "/v1/ingest/" + dialect
	}
	header := http.Header{}
	eps := endpoints{}
	var steps []string
	for line := range strings.Lines(string(script)) {
		line = strings.TrimSuffix(line, "\n")
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "path":
			path = rest
		case "endpoint":
			eps[dialect+"/"] = fixtureEndpoint(t, rest)
		case "header":
			k, v, _ := strings.Cut(rest, ": ")
			header.Add(k, v)
		case "", "#":
		default:
			steps = append(steps, line)
		}
	}
	s := serve(t, Options{Open: true, Endpoints: eps, Now: func() time.Time { return fixtureNow }})
	var out bytes.Buffer
	host := header.Get("Host")
	header.Del("Host")
	if host != "" {
		header.Set("Host", host)
	}
	subprotocols := header.Values("Sec-WebSocket-Protocol")
	header.Del("Sec-WebSocket-Protocol")
	c, resp, err := dial(t.Context(), s.ws(path), header, subprotocols, 1<<20, 10*time.Second)
	if err != nil {
		if resp == nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		fmt.Fprintf(&out, "refused %s: %s", resp.Status, body)
		return out.Bytes()
	}
	defer c.abort()
	if p := resp.Header.Get("Sec-WebSocket-Protocol"); p != "" {
		fmt.Fprintf(&out, "subprotocol %s\n", p)
	}
	closed := playSteps(t, c, steps, &out)
	if !closed {
		for {
			text, data, err := c.read()
			if errors.Is(err, io.EOF) {
				fmt.Fprintf(&out, "server closes %d %s\n", c.closeCode, c.closeText)
				c.abort()
				break
			}
			if err != nil {
				t.Fatalf("the server does not close: %v", err)
			}
			fmt.Fprintf(&out, "server says text=%v %s\n", text, data)
		}
	}
	for s.h.counters[dialect].open.Load() > 0 {
		runtime.Gosched()
	}
	for _, call := range s.calls.calls {
		for _, n := range call.notes() {
			fmt.Fprintf(&out, "%s: %s\n", call.id, n)
		}
	}
	if n := s.h.counters[dialect]; n.unknown.Load()+n.late.Load()+n.reordered.Load()+n.gaps.Load() > 0 {
		fmt.Fprintf(&out, "counted unknown=%d late=%d reordered=%d gaps=%d lost_ms=%d\n", n.unknown.Load(), n.late.Load(), n.reordered.Load(), n.gaps.Load(), n.lostMs.Load())
	}
	return out.Bytes()
}

// playSteps carries out a script and reports whether the client ended the connection.
func playSteps(t *testing.T, c *conn, steps []string, out *bytes.Buffer) bool {
	t.Helper()
	for _, line := range steps {
		word, rest, _ := strings.Cut(line, " ")
		var err error
		switch word {
		case ">":
			err = c.writeText([]byte(rest))
		case ">>":
			n, b := repeated(t, rest)
			err = c.writeBinary(bytes.Repeat(b, n))
		case ">64":
			parts := strings.SplitN(rest, " ", 3)
			n, b := repeated(t, parts[0]+" "+parts[1])
			err = c.writeText([]byte(strings.Replace(parts[2], "%s", base64.StdEncoding.EncodeToString(bytes.Repeat(b, n)), 1)))
		case "<":
			_, data, rerr := c.read()
			if rerr != nil || !strings.Contains(string(data), rest) {
				t.Fatalf("the server said %q, error %v (close %d %s), want %s", data, rerr, c.closeCode, c.closeText, rest)
			}
			fmt.Fprintf(out, "server says %s\n", data)
		case "close":
			c.close(closeNormal, "", time.Second)
			return true
		case "drop":
			c.abort()
			return true
		default:
			t.Fatalf("fixture: %q is no step", line)
		}
		if err != nil {
			break // the server has closed, and says why
		}
	}
	return false
}

func repeated(t *testing.T, s string) (int, []byte) {
	t.Helper()
	count, digits, _ := strings.Cut(s, " ")
	n, err := strconv.Atoi(count)
	b, herr := hex.DecodeString(digits)
	if err != nil || herr != nil {
		t.Fatalf("fixture: %q, want a count and bytes in hexadecimal", s)
	}
	return n, b
}

func fixtureEndpoint(t *testing.T, s string) Endpoint {
	t.Helper()
	ep := Endpoint{Tenant: "acme", Roles: map[string]interaction.Role{}}
	sc := bufio.NewScanner(strings.NewReader(s))
	sc.Split(bufio.ScanWords)
	for sc.Scan() {
		k, v, _ := strings.Cut(sc.Text(), "=")
		switch k {
		case "token":
			ep.Token = v
		case "secret":
			ep.Secret = v
		case "apikey":
			ep.APIKey = v
		case "public":
			ep.PublicURL = v
		case "encoding":
			ep.Encoding = v
		case "rate":
			ep.Rate, _ = strconv.Atoi(v)
		case "channels":
			ep.Channels, _ = strconv.Atoi(v)
		case "results":
			ep.Results = v == "yes"
		default:
			track, ok := strings.CutPrefix(k, "role.")
			if !ok {
				t.Fatalf("fixture: endpoint: %q", k)
			}
			ep.Roles[track] = interaction.Role(v)
		}
	}
	if _, err := url.Parse(ep.PublicURL); err != nil {
		t.Fatal(err)
	}
	return ep
}
