package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
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
	after   error // of a batch, once its first speaker was told
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
func (f *fake) Enrol(_ context.Context, t, by, id string, e Enrolling, c Clip) (Enrolled, error) {
	return Enrolled{Speaker: Speaker{ID: id}}, f.ask(t, "enrol "+by+" "+id+" "+e.ConsentRef+" "+f.clip(c))
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
func (f *fake) SaveWatchlist(_ context.Context, t, by string, w Watchlist) error {
	return f.ask(t, "watchlist "+by+" "+w.Name)
}
func (f *fake) DeleteWatchlist(_ context.Context, t, by, name string) error {
	return f.ask(t, "delete watchlist "+by+" "+name)
}
func (f *fake) WatchlistEntries(_ context.Context, t, name string, _ Page) (List[WatchlistEntry], error) {
	return List[WatchlistEntry]{}, f.ask(t, "entries "+name)
}
func (f *fake) AddToWatchlist(_ context.Context, t, by, name string, e NewEntry) (WatchlistEntry, error) {
	return WatchlistEntry{SpeakerID: e.SpeakerID}, f.ask(t, "entry "+by+" "+name+" "+e.SpeakerID)
}
func (f *fake) ApproveEntry(_ context.Context, t, by, approver, name, speaker string) error {
	return f.ask(t, "approve entry "+by+" "+approver+" "+name+" "+speaker)
}
func (f *fake) RemoveFromWatchlist(_ context.Context, t, by, name, speaker string) error {
	return f.ask(t, "remove "+by+" "+name+" "+speaker)
}
func (f *fake) EnrolBatch(_ context.Context, t, by string, o BatchOptions, body io.Reader, each func(BatchResult) error) (BatchSummary, error) {
	b, err := io.ReadAll(body)
	if err != nil {
		return BatchSummary{}, err
	}
	if err := f.ask(t, "batch "+by+" "+o.Existing+" "+o.Consent+" "+strconv.Itoa(len(b))); err != nil {
		return BatchSummary{}, err
	}
	if err := each(BatchResult{SpeakerID: "s1", Action: "enrolled", Recordings: []BatchFile{}}); err != nil {
		return BatchSummary{}, err
	}
	return BatchSummary{Speakers: 1, Enrolled: 1}, f.after
}
func (f *fake) Pending(_ context.Context, t string, _ Page) (List[Waiting], error) {
	return List[Waiting]{}, f.ask(t, "pending")
}
func (f *fake) Approve(_ context.Context, t, by, print string) error {
	return f.ask(t, "approve "+by+" "+print)
}
func (f *fake) Reject(_ context.Context, t, by, print string) error {
	return f.ask(t, "reject "+by+" "+print)
}
func (f *fake) Attempts(_ context.Context, t, speaker string, _ Page) (List[Attempt], error) {
	return List[Attempt]{}, f.ask(t, "attempts "+speaker)
}
func (f *fake) Lockout(_ context.Context, t, speaker string) (Lockout, error) {
	return Lockout{SpeakerID: speaker}, f.ask(t, "lockout "+speaker)
}
func (f *fake) Unlock(_ context.Context, t, by, speaker string) error {
	return f.ask(t, "unlock "+by+" "+speaker)
}
func (f *fake) Holds(_ context.Context, t, speaker string) ([]Hold, error) {
	return nil, f.ask(t, "holds "+speaker)
}
func (f *fake) Hold(_ context.Context, t, by, speaker, reason string) (Hold, error) {
	return Hold{SpeakerID: speaker, Reason: reason}, f.ask(t, "hold "+by+" "+speaker+" "+reason)
}
func (f *fake) Release(_ context.Context, t, by, hold string) error {
	return f.ask(t, "release "+by+" "+hold)
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
func (f *fake) NewKey(_ context.Context, t, _ string, k NewKey) (MadeKey, error) {
	return MadeKey{Key: Key{ID: "k"}, Secret: "shown once"}, f.ask(t, fmt.Sprint("key ", k.Scopes))
}
func (f *fake) ListKeys(_ context.Context, t string) ([]Key, error) { return nil, f.ask(t, "keys") }
func (f *fake) RevokeKey(_ context.Context, t, _, id string) error  { return f.ask(t, "revoke "+id) }
func (f *fake) Endpoints(_ context.Context, t string) ([]Endpoint, error) {
	return []Endpoint{{Dialect: "twilio", Secret: "hidden-1", Token: "hidden-2", APIKey: "hidden-3"}}, f.ask(t, "endpoints")
}
func (f *fake) SaveEndpoint(_ context.Context, t, _ string, e Endpoint) error {
	return f.ask(t, "endpoint "+e.Dialect+" "+e.Secret)
}
func (f *fake) DeleteEndpoint(_ context.Context, t, _, dialect, name string) error {
	return f.ask(t, "delete endpoint "+dialect+" "+name)
}
func (f *fake) DeadLetters(_ context.Context, t string, _ Page) (List[DeadLetter], error) {
	return List[DeadLetter]{}, f.ask(t, "dead")
}
func (f *fake) Retry(_ context.Context, t, id string) error { return f.ask(t, "retry "+id) }
func (f *fake) Drop(_ context.Context, t, id string) error  { return f.ask(t, "drop "+id) }

func (f *fake) ListWebhooks(_ context.Context, t string) ([]Webhook, error) {
	return nil, f.ask(t, "webhooks")
}
func (f *fake) AddWebhook(_ context.Context, t, by string, w NewWebhook) (MadeWebhook, error) {
	return MadeWebhook{Secret: "shown once"}, f.ask(t, fmt.Sprint("webhook ", w.URL, w.Events, by))
}
func (f *fake) DeleteWebhook(_ context.Context, t, by, id string) error {
	return f.ask(t, "delete webhook "+id+" "+by)
}
func (f *fake) RotateWebhook(_ context.Context, t, by, id string, overlap time.Duration) (MadeWebhook, error) {
	return MadeWebhook{Secret: "shown once"}, f.ask(t, fmt.Sprint("rotate ", id, " ", overlap, " ", by))
}
func (f *fake) TestWebhook(_ context.Context, t, by, id string) (TestDelivery, error) {
	return TestDelivery{}, f.ask(t, "test webhook "+id+" "+by)
}
func (f *fake) Forms(_ context.Context, t, id string, _ Page) (List[FormVersion], error) {
	return List[FormVersion]{}, f.ask(t, "forms "+id)
}
func (f *fake) Form(_ context.Context, t, id string, version int) (Form, error) {
	return Form{}, f.ask(t, fmt.Sprint("form ", id, " ", version))
}
func (f *fake) SaveForm(_ context.Context, t, by string, n NewForm) (Form, error) {
	return Form{}, f.ask(t, fmt.Sprint("save form ", n.ID, " ", n.Definition.Sections[0].Questions[0].ID, " ", by))
}
func (f *fake) ActivateForm(_ context.Context, t, by, id string, version int) error {
	return f.ask(t, fmt.Sprint("activate ", id, " ", version, " ", by))
}

func (f *fake) Explain(_ context.Context, t string, c PolicyCall) (Policy, error) {
	return Policy{}, f.ask(t, "policy "+c.Site+" "+c.Jurisdiction+" "+c.Queue)
}
func (f *fake) Audit(_ context.Context, t, subject string, _ Page) (List[AuditLine], error) {
	return List[AuditLine]{}, f.ask(t, "audit "+subject)
}
func (f *fake) CheckAudit(_ context.Context, t string) (AuditCheck, error) {
	return AuditCheck{}, f.ask(t, "check audit")
}

func options(f *fake) Options {
	f.answers, f.running = map[string]*Answer{}, map[string]string{}
	return Options{
		Version: "1", Keys: f, Live: f, Interactions: f, Feedback: f, Uploads: f, Idempotency: f, Identity: Identity{f, f, f, f, f}, Admin: Admin{f, f, f, f}, Forms: f, Governance: f,
		Models: []Model{{Name: "n", LicenceClass: "permissive", Card: "hidden-4"}},
		Ready:  func(context.Context) map[string]error { return map[string]error{"store": f.err} },
	}
}
