package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// fake stands behind every path. It notes what it was asked, and answers with err where that is set.
type fake struct {
	mu      sync.Mutex
	asked   []string // tenant and what
	err     error
	answers map[string]*Answer
	running map[string]string
	upload  Upload
	audio   []byte
	task    Task
}

func (f *fake) ask(tenant, what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, tenant+" "+what)
	return f.err
}

func (f *fake) Lookup(_ context.Context, key string) (Principal, error) {
	switch key {
	case "broken":
		return Principal{}, errors.New("disk on fire at /secret/path")
	case "all":
		return Principal{KeyID: "k-all", Tenant: "x", Scopes: []Scope{ScopeAdmin}}, nil
	case "other":
		return Principal{KeyID: "k-other", Tenant: "y", Scopes: []Scope{ScopeAdmin}}, nil
	}
	for _, s := range scopes {
		if key == string(s) {
			return Principal{KeyID: "k-" + key, Tenant: "x", Scopes: []Scope{s}}, nil
		}
	}
	return Principal{}, ErrNotFound
}

func (f *fake) Begin(_ context.Context, tenant, key, request string) (*Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := tenant + "/" + key
	if was, ok := f.running[at]; ok {
		if was != request || f.answers[at] == nil {
			return nil, fmt.Errorf("%w: key in use", ErrConflict)
		}
		return f.answers[at], nil
	}
	f.running[at] = request
	return nil, nil
}

func (f *fake) Finish(_ context.Context, tenant, key string, a *Answer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[tenant+"/"+key] = a
	if a == nil {
		delete(f.running, tenant+"/"+key)
	}
	return nil
}

func (f *fake) Running(_ context.Context, t string) ([]Call, error) { return nil, f.ask(t, "running") }
func (f *fake) Snapshot(_ context.Context, t, id string) (*interaction.Interaction, error) {
	r := interaction.New()
	r.Contact.ID = id
	return r, f.ask(t, "snapshot "+id)
}
func (f *fake) Bind(_ context.Context, t, id string, b interaction.Binding) error {
	return f.ask(t, "bind "+id+" "+b.AgentID)
}
func (f *fake) Mark(_ context.Context, t, id, kind, detail string) error {
	return f.ask(t, "mark "+id+" "+kind+" "+detail)
}
func (f *fake) Interaction(_ context.Context, t, id string) (*interaction.Interaction, error) {
	r := interaction.New()
	r.Contact.ID, r.Contact.Tenant = id, t
	return r, f.ask(t, "interaction "+id)
}
func (f *fake) Find(_ context.Context, t string, q Query, p Page) (List[Summary], error) {
	return List[Summary]{Next: "more"}, f.ask(t, fmt.Sprintf("find queue=%s min=%d cursor=%s limit=%d", q.Queue, q.MinOvertalk, p.Cursor, p.Limit))
}
func (f *fake) Export(_ context.Context, t string, _ Query, format string, w io.Writer) error {
	if _, err := io.WriteString(w, "a line of "+format+"\n"); err != nil {
		return err
	}
	return f.ask(t, "export")
}
func (f *fake) DeleteInteraction(_ context.Context, t, id string) error {
	return f.ask(t, "delete "+id)
}
func (f *fake) EraseCustomer(_ context.Context, t, by, id string) (int, error) {
	return 2, f.ask(t, "erase "+id+" "+by)
}
func (f *fake) Correct(_ context.Context, t, id, segment string, c interaction.Correction) (*interaction.Interaction, error) {
	return interaction.New(), f.ask(t, "correct "+id+" "+segment+" "+c.To)
}
func (f *fake) Evaluate(_ context.Context, t, id string, e interaction.Evaluation) (*interaction.Interaction, error) {
	return interaction.New(), f.ask(t, "evaluate "+id+" "+e.Evaluator)
}
func (f *fake) Reapply(_ context.Context, t string, _ Query) (int, int, error) {
	return 3, 2, f.ask(t, "reapply")
}
func (f *fake) Customer(_ context.Context, t, id string, _, _ time.Time, _ Page) (Journey, error) {
	return Journey{CustomerID: id}, f.ask(t, "journey "+id)
}
func (f *fake) Agent(_ context.Context, t, id string, _, _ time.Time) (AgentSummary, error) {
	return AgentSummary{AgentID: id}, f.ask(t, "agent "+id)
}
func (f *fake) AddSurvey(_ context.Context, t string, s SurveyAnswer) (SurveyAnswer, error) {
	s.ID = "s-1"
	return s, f.ask(t, fmt.Sprintf("survey %s %d", s.Kind, s.Value))
}
func (f *fake) Surveys(_ context.Context, t string, _ SurveyQuery, _ Page) (List[SurveyAnswer], error) {
	return List[SurveyAnswer]{}, f.ask(t, "surveys")
}
func (f *fake) AddTask(_ context.Context, t string, k Task) (Task, error) {
	return k, f.ask(t, "task "+k.Title+" "+k.State)
}
func (f *fake) Task(_ context.Context, t, id string) (Task, error) {
	return f.task, f.ask(t, "task "+id)
}
func (f *fake) SaveTask(_ context.Context, t string, k Task) (Task, error) {
	return k, f.ask(t, "save task "+k.Title+" "+k.Owner+" "+k.State)
}
func (f *fake) Tasks(_ context.Context, t string, _ TaskQuery, _ Page) (List[Task], error) {
	return List[Task]{}, f.ask(t, "tasks")
}
func (f *fake) Speakers(_ context.Context, t string, _ Page) (List[Speaker], error) {
	return List[Speaker]{}, f.ask(t, "speakers")
}
func (f *fake) Speaker(_ context.Context, t, id string) (Speaker, error) {
	return Speaker{ID: id}, f.ask(t, "speaker "+id)
}
func (f *fake) clip(c Clip) string {
	b, _ := io.ReadAll(c.Audio)
	return fmt.Sprintf("%q channel %d", b, c.Channel)
}
func (f *fake) Enrol(_ context.Context, t, by, id, ref string, c Clip) (Enrolled, error) {
	return Enrolled{Speaker: Speaker{ID: id}}, f.ask(t, "enrol "+by+" "+id+" "+ref+" "+f.clip(c))
}
func (f *fake) Verify(_ context.Context, t, by, id string, c Clip) (*interaction.Voice, error) {
	return &interaction.Voice{Decision: interaction.Inconclusive, Assurance: interaction.AssuranceEvidenceOnly}, f.ask(t, "verify "+by+" "+id+" "+f.clip(c))
}
func (f *fake) Identify(_ context.Context, t, by, list string, top int, c Clip) (*interaction.Voice, error) {
	return &interaction.Voice{}, f.ask(t, fmt.Sprintf("identify %s %s %d %s", by, list, top, f.clip(c)))
}
func (f *fake) DeleteSpeaker(_ context.Context, t, by, id string) (Receipt, error) {
	return Receipt{Keys: 1}, f.ask(t, "delete speaker "+by+" "+id)
}
func (f *fake) OptOut(_ context.Context, t, by, id, source string) error {
	return f.ask(t, "opt out "+by+" "+id+" "+source)
}
func (f *fake) OptIn(_ context.Context, t, by, id string) error {
	return f.ask(t, "opt in "+by+" "+id)
}
func (f *fake) AddConsent(_ context.Context, t, _ string, c Consent) (Consent, error) {
	return c, f.ask(t, "consent "+c.Ref)
}
func (f *fake) Consents(_ context.Context, t, speaker string) ([]Consent, error) {
	return nil, f.ask(t, "consents "+speaker)
}
func (f *fake) WithdrawConsents(_ context.Context, t, _, speaker, purpose string) (int, error) {
	return 2, f.ask(t, "withdraw "+speaker+" "+purpose)
}
func (f *fake) Watchlists(_ context.Context, t string) ([]Watchlist, error) {
	return nil, f.ask(t, "watchlists")
}
func (f *fake) SaveWatchlist(_ context.Context, t string, w Watchlist) error {
	return f.ask(t, "watchlist "+w.Name)
}
func (f *fake) DeleteWatchlist(_ context.Context, t, name string) error {
	return f.ask(t, "delete watchlist "+name)
}
func (f *fake) WatchlistEntries(_ context.Context, t, name string, _ Page) (List[WatchlistEntry], error) {
	return List[WatchlistEntry]{}, f.ask(t, "entries "+name)
}
func (f *fake) AddToWatchlist(_ context.Context, t, name string, e WatchlistEntry) (WatchlistEntry, error) {
	return e, f.ask(t, "entry "+name+" "+e.SpeakerID)
}
func (f *fake) RemoveFromWatchlist(_ context.Context, t, name, speaker string) error {
	return f.ask(t, "remove "+name+" "+speaker)
}
func (f *fake) Add(_ context.Context, t string, u Upload, audio io.Reader) (Job, error) {
	b, err := io.ReadAll(audio)
	if err != nil {
		return Job{}, fmt.Errorf("spool: %w", err)
	}
	f.upload, f.audio = u, b
	return Job{ID: "j-1", State: "queued"}, f.ask(t, "upload")
}
func (f *fake) Job(_ context.Context, t, id string) (Job, error) {
	return Job{ID: id}, f.ask(t, "job "+id)
}
func (f *fake) Jobs(_ context.Context, t string, _ Page) (List[Job], error) {
	return List[Job]{}, f.ask(t, "jobs")
}
func (f *fake) NewKey(_ context.Context, t string, k NewKey) (MadeKey, error) {
	return MadeKey{Key: Key{ID: "k"}, Secret: "shown once"}, f.ask(t, fmt.Sprint("key ", k.Scopes))
}
func (f *fake) ListKeys(_ context.Context, t string) ([]Key, error) { return nil, f.ask(t, "keys") }
func (f *fake) RevokeKey(_ context.Context, t, id string) error     { return f.ask(t, "revoke "+id) }
func (f *fake) Endpoints(_ context.Context, t string) ([]Endpoint, error) {
	return []Endpoint{{Dialect: "twilio", Secret: "hidden-1", Token: "hidden-2", APIKey: "hidden-3"}}, f.ask(t, "endpoints")
}
func (f *fake) SaveEndpoint(_ context.Context, t string, e Endpoint) error {
	return f.ask(t, "endpoint "+e.Dialect+" "+e.Secret)
}
func (f *fake) DeleteEndpoint(_ context.Context, t, dialect, name string) error {
	return f.ask(t, "delete endpoint "+dialect+" "+name)
}
func (f *fake) DeadLetters(_ context.Context, t string, _ Page) (List[DeadLetter], error) {
	return List[DeadLetter]{}, f.ask(t, "dead")
}
func (f *fake) Retry(_ context.Context, t, id string) error { return f.ask(t, "retry "+id) }
func (f *fake) Drop(_ context.Context, t, id string) error  { return f.ask(t, "drop "+id) }

func options(f *fake) Options {
	f.answers, f.running = map[string]*Answer{}, map[string]string{}
	return Options{
		Version: "1", Keys: f, Live: f, Interactions: f, Feedback: f, Uploads: f, Idempotency: f, Identity: Identity{f, f, f}, Admin: Admin{f, f, f},
		Ready: func(context.Context) map[string]error { return map[string]error{"store": f.err} },
	}
}
