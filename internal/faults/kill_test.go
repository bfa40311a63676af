package faults

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
)

// mostLostMs is what a crash may cost of a running call, of what the server had received.
const mostLostMs = 5000

// deliveries is a receiver of webhooks that remembers in which states each call was told.
type deliveries struct {
	*httptest.Server
	mu     sync.Mutex
	states map[string][]interaction.State // by the platform's id
}

func receive(t *testing.T) *deliveries {
	d := &deliveries{states: map[string][]interaction.State{}}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e interaction.Event
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<20)).Decode(&e); err != nil || e.Record == nil {
			http.Error(w, "no record", http.StatusBadRequest)
			return
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.states[e.Record.Contact.ContactID] = append(d.states[e.Record.Contact.ContactID], e.Record.Contact.State)
	}))
	t.Cleanup(d.Close)
	return d
}

// config writes a configuration that has the records of all calls delivered.
func (d *deliveries) config(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "timbre.yaml")
	text := fmt.Sprintf("webhooks: [{id: crm, url: %q, secrets: [\"a secret of some length\"], events: [call_summary]}]\n", d.URL)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// told reports whether a call was told in that state and in no other.
func (d *deliveries) told(id string, want interaction.State) (is, only bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	states := d.states[id]
	return slices.Contains(states, want), !slices.ContainsFunc(states, func(s interaction.State) bool { return s != want })
}

// received returns how much of each running call the server has, by the platform's id.
func (n *node) received() (map[string]int64, error) {
	status, b, err := n.do(http.MethodGet, "/v1/calls", n.key, nil)
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("calls: status %d, %w", status, err)
	}
	var list struct {
		Items []struct {
			CallID     string `json:"call_id"`
			DurationMs int64  `json:"duration_ms"`
		} `json:"items"`
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for _, c := range list.Items {
		out[c.CallID] = c.DurationMs
	}
	return out, nil
}

// kills counts what became of the calls of all rounds.
type kills struct {
	finished, kept           int // records whose end was confirmed to the client
	cut, interrupted, timely int // calls that ran, or whose end was not confirmed
	told, toldRight          int // finished records and what webhooks were told of them
	worst                    int64
}

// TestKilledServerLosesNoFinishedRecord kills the process under live calls, some of which are ending, and looks after the restart for
// the record of every call whose end was confirmed, for how much of each other one is there, and for what was told of them.
func TestKilledServerLosesNoFinishedRecord(t *testing.T) {
	for _, db := range []struct {
		name   string
		rounds int
		dsn    func(dir string) string
	}{
		{"SQLite", size(1, *rounds), func(dir string) string { return filepath.Join(dir, "timbre.db") }},
		{"PostgreSQL", size(1, (*rounds+3)/4), func(string) string { return testkit.Postgres(t) }},
	} {
		t.Run(db.name, func(t *testing.T) {
			dir := t.TempDir()
			hook := receive(t)
			n := newNode(t, dir, "--db", db.dsn(dir), "--config", hook.config(t, dir))
			r := rand.New(rand.NewPCG(1, 1))
			var k kills
			var ended []string
			n.start()
			for round := range db.rounds {
				ended = append(ended, k.round(t, n, r, fmt.Sprintf("kill-%s-%d", db.name, round), size(5, *live))...)
			}
			for _, id := range ended {
				k.told++
				is := within(2*time.Minute, func() bool { is, _ := hook.told(id, interaction.StateComplete); return is })
				if _, only := hook.told(id, interaction.StateComplete); is && only {
					k.toldRight++
				} else {
					t.Errorf("the finished call %s was told as complete: %v, and as nothing else: %v", id, is, only)
				}
			}
			n.stop()
			what := "kill -9, " + db.name + ": "
			report(t, row{what + "records of calls whose end was confirmed", k.finished, k.kept, k.finished - k.kept, "records", fmt.Sprintf("%d kills under %d calls", db.rounds, size(5, *live))})
			report(t, row{what + "their webhooks, never told as interrupted", k.told, k.toldRight, k.told - k.toldRight, "records", ""})
			report(t, row{what + "calls that ran are there after the restart", k.cut, k.interrupted, k.cut - k.interrupted, "calls", ""})
			report(t, row{what + "at most the last 5 s of them lost", k.cut, k.timely, k.cut - k.timely, "calls", fmt.Sprintf("worst %.1f s of what the server had received", float64(k.worst)/1000)})
		})
	}
}

// round lets calls run, begins to end every fifth of them at some moment of the last two seconds, kills the server, starts it again
// and counts. It returns the calls whose end was confirmed.
func (k *kills) round(t *testing.T, n *node, r *rand.Rand, prefix string, calls int) (ended []string) {
	all := dialAll(t, n, prefix, calls)
	confirmed := make([]bool, calls)
	left := time.Duration(5000+r.IntN(4000)) * time.Millisecond // the fault comes at any moment between two checkpoints
	const ending = 2 * time.Second
	time.Sleep(left - ending)
	var stops sync.WaitGroup
	for i := 0; i < calls; i += 5 {
		at := time.Duration(r.Int64N(int64(ending)))
		stops.Go(func() {
			time.Sleep(at)
			confirmed[i] = all[i].stop(20 * time.Second)
		})
	}
	time.Sleep(ending)
	had, err := n.received()
	n.kill()
	if err != nil {
		t.Errorf("%s: %v", prefix, err)
	}
	stops.Wait()
	for _, c := range all {
		c.drop()
	}
	n.start()
	for i, c := range all {
		if confirmed[i] {
			ended = append(ended, c.id)
			k.finished++
			if s, err := n.record(c.id); err == nil && s.State == "complete" {
				k.kept++
			} else {
				t.Errorf("the finished call %s: %+v, %v", c.id, s, err)
			}
			continue
		}
		k.cut++
		var s summary
		ending := i%5 == 0 // it may be complete: saved, and the word of it cut off
		if !within(time.Minute, func() bool {
			s, err = n.record(c.id)
			return err == nil && (s.State == "interrupted" || ending && s.State == "complete")
		}) {
			t.Errorf("the running call %s is not taken up: %+v, %v", c.id, s, err)
			continue
		}
		k.interrupted++
		lost := had[c.id] - s.DurationMs
		k.worst = max(k.worst, lost)
		if lost <= mostLostMs {
			k.timely++
		} else {
			t.Errorf("%s: %d ms received, %d ms in the record", c.id, had[c.id], s.DurationMs)
		}
	}
	return ended
}
