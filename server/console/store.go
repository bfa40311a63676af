package console

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// What the interfaces of this package return for a page to tell apart, wrapped in a text that the person may read. Every other error
// is internal: the person gets an id, the log the text.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("conflict")
	ErrInvalid  = errors.New("invalid")
)

// Store is what the console reads and writes. Package backing fills it. Safe for concurrent use.
type Store interface {
	Tenant(id string) Tenant
	// SessionUser returns whose session a secret's SHA-256 is, or ErrNotFound where there is none or it has ended.
	SessionUser(ctx context.Context, hash []byte) (tenant string, u User, err error)
}

// Tenant is one tenant's data, and nobody else's.
type Tenant interface {
	Accounts
	Calls
	Reviews
	Feedback
	Identity
	Settings
}

// Accounts are the people who use the console.
type Accounts interface {
	UserByLogin(ctx context.Context, login string) (User, error)
	Users(ctx context.Context) ([]User, error)
	SaveUser(ctx context.Context, u User) (User, error)
	AddSession(ctx context.Context, s Session) error
	EndSession(ctx context.Context, hash []byte) error
}

// User is a person who uses the console.
type User struct {
	ID           string
	Login        string
	DisplayName  string
	PasswordHash string // "": no password logs in
	Roles        []string
	AgentID      string // where the user is an agent
	Disabled     bool
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Session is a login that has not ended.
type Session struct {
	Hash      []byte // SHA-256 of the cookie's secret
	UserID    string
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Page says which part of a list is wanted.
type Page struct {
	After string // List.Next of the page before; "" for the first
	Limit int    // rows at most
}

// List is one page of a list.
type List[T any] struct {
	Items []T
	Next  string // "" at the end
}

// Calls are the interaction records.
type Calls interface {
	Interaction(ctx context.Context, id string) (*interaction.Interaction, error)
	Interactions(ctx context.Context, q Query, p Page) (List[Summary], error)
	Count(ctx context.Context, q Query, most int) (int, error)
	Spread(ctx context.Context, metric string, from, to time.Time) (Spread, error)
	Coverage(ctx context.Context, from, to time.Time) ([]Coverage, error)
	AgentFigures(ctx context.Context, agent string, from, to time.Time) (AgentFigures, error)
	// Running returns the records so far of the calls that run now, the latest first.
	Running(ctx context.Context) ([]*interaction.Interaction, error)
	AddCorrection(ctx context.Context, call, segment string, c interaction.Correction) error
	Queues(ctx context.Context) ([]string, error)
	Alerts(ctx context.Context, q AlertQuery, p Page) (List[Alert], error)
	AcknowledgeAlert(ctx context.Context, call, rule string, startMs int64, by string) error
	SnoozeAlert(ctx context.Context, call, rule string, startMs int64, until time.Time) error
}

// Query says which calls are wanted; an empty field asks for all. It is what saved views and samples keep.
type Query struct {
	From       time.Time        `json:"from,omitzero"`
	To         time.Time        `json:"to,omitzero"`
	AgentID    string           `json:"agent,omitempty"`
	CustomerID string           `json:"customer,omitempty"`
	ContactID  string           `json:"contact,omitempty"`
	SpeakerID  string           `json:"speaker,omitempty"`
	Queue      string           `json:"queue,omitempty"`
	Direction  string           `json:"direction,omitempty"`
	Language   string           `json:"language,omitempty"`
	Trend      string           `json:"trend,omitempty"`
	Decisions  []string         `json:"decisions,omitempty"`
	Reviews    []string         `json:"reviews,omitempty"` // states of the latest evaluation; Unreviewed: none
	Severity   int              `json:"severity,omitempty"`
	Alert      string           `json:"alert,omitempty"`   // a rule
	Emotion    string           `json:"emotion,omitempty"` // a class that the customer expressed in at least a tenth of the speech
	Metrics    map[string]Range `json:"metrics,omitempty"`
	Sort       string           `json:"sort,omitempty"` // a metric; "": by time
	Ascending  bool             `json:"ascending,omitempty"`
}

// Unreviewed is the word of Query.Reviews for calls without an evaluation.
const Unreviewed = "unreviewed"

// Range is a closed interval; a nil end is open.
type Range struct {
	Min *float64 `json:"min,omitempty"`
	Max *float64 `json:"max,omitempty"`
}

// Summary is what lists show of a call. What was not measured is no key of Metrics.
type Summary struct {
	ID         string
	At         time.Time
	State      interaction.State
	ContactID  string
	Direction  string
	Queue      string
	AgentID    string
	CustomerID string
	Decision   interaction.Decision
	Trend      string
	Severity   int // of the worst alert: 0 none, 1 info, 2 warning, 3 critical
	Review     string
	AudioKept  string
	Metrics    map[string]float64
}

// Spread is how a metric lies over many calls.
type Spread struct {
	N    int
	Mean float64
	SD   float64
}

// Coverage is how much of one agent's calls reviewers have seen.
type Coverage struct {
	AgentID  string
	Calls    int
	Reviewed int
	Score    *float64
}

// AgentFigures sums up an agent's calls. Nothing in it is inferred from the agent's voice.
type AgentFigures struct {
	Calls             int
	DurationMs        int64
	TalkShare         *float64
	Interruptions     *float64
	ResponseLatencyMs *float64
	Pace              *float64
	OvertalkMs        *float64
	NonTalkMs         *float64
	Evaluations       int
	Score             *float64
}

// AlertQuery says which alerts are wanted; an empty field asks for all.
type AlertQuery struct {
	InteractionID, Rule, Severity string
	Open                          bool // neither acknowledged nor snoozed now
	From, To                      time.Time
}

// Alert is an alert of a call with what people did about it.
type Alert struct {
	InteractionID string
	interaction.Alert
	At             time.Time
	AcknowledgedBy string
	AcknowledgedAt time.Time
	SnoozedUntil   time.Time
}

// Reviews are scorecards, their forms and saved searches.
type Reviews interface {
	SaveEvaluation(ctx context.Context, v Evaluation) (Evaluation, error)
	Evaluation(ctx context.Context, id string) (Evaluation, error)
	Evaluations(ctx context.Context, q EvaluationQuery, p Page) (List[Evaluation], error)
	SaveForm(ctx context.Context, v Form) (Form, error)
	ActivateForm(ctx context.Context, id string, version int) error
	Form(ctx context.Context, id string, version int) (Form, error)
	Forms(ctx context.Context) ([]Form, error)
	SaveView(ctx context.Context, v SavedView) (SavedView, error)
	Views(ctx context.Context, user string) ([]SavedView, error)
	DeleteView(ctx context.Context, owner, id string) error
}

// Evaluation is one reviewer's scorecard of a call.
type Evaluation struct {
	ID            string
	InteractionID string
	AgentID       string
	interaction.Evaluation
	Notes       []Note
	CreatedAt   time.Time
	UpdatedAt   time.Time
	SubmittedAt time.Time
}

// Note is a reviewer's remark, at a time of the call where AtMs is set.
type Note struct {
	AtMs *int64
	Text string
}

// EvaluationQuery says which evaluations are wanted; an empty field asks for all.
type EvaluationQuery struct {
	InteractionID, AgentID, Evaluator, Form string
	States                                  []string
}

// Form is one version of a scorecard: a draft, the active one or a locked one. Definition is what package scorecard parses.
type Form struct {
	ID         string
	Version    int
	State      string
	Title      string
	Definition json.RawMessage
	MadeBy     string
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// SavedView is a search that a user gave a name.
type SavedView struct {
	ID        string
	Owner     string
	Name      string
	Query     json.RawMessage
	Shared    bool
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Feedback is what customers answered and what is to be done.
type Feedback interface {
	Surveys(ctx context.Context, customer string, p Page) (List[Survey], error)
	SaveTask(ctx context.Context, v Task) (Task, error)
	Task(ctx context.Context, id string) (Task, error)
	Tasks(ctx context.Context, q TaskQuery, p Page) (List[Task], error)
}

// Survey is one answered question about a contact.
type Survey struct {
	ID         string
	ContactID  string
	CustomerID string
	Kind       string
	Value      int
	AskedAt    time.Time
	AnsweredAt time.Time
	CreatedAt  time.Time
}

// Task is something to do because of a call or for a customer. A review that somebody was asked for is one, with Source
// "review" or "sample:" and the sample's id.
type Task struct {
	ID            string
	InteractionID string
	CustomerID    string
	Title         string
	Owner         string
	Due           time.Time
	Source        string
	State         string
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// TaskQuery says which tasks are wanted; an empty field asks for all.
type TaskQuery struct {
	State, Owner, CustomerID, InteractionID string
	DueBefore                               time.Time
}

// Identity is who may be known by voice, and the proof of how that was handled.
type Identity interface {
	Attempts(ctx context.Context, speaker string, p Page) (List[Attempt], error)
	Lockouts(ctx context.Context, p Page) (List[Lockout], error)
	// Unlock, ApproveEnrolment and RejectEnrolment write the act into the audit log under the person's pseudonym; by is who decides.
	Unlock(ctx context.Context, by, speaker string) error
	Pending(ctx context.Context, p Page) (List[Enrolment], error)
	ApproveEnrolment(ctx context.Context, by, id string) error
	RejectEnrolment(ctx context.Context, by, id string) error
	Watchlists(ctx context.Context) ([]Watchlist, error)
	WatchlistEntries(ctx context.Context, name string, p Page) (List[WatchlistEntry], error)
	Consents(ctx context.Context, speaker string) ([]Consent, error)
	OptOuts(ctx context.Context, p Page) (List[OptOut], error)
	Audit(ctx context.Context, subject string, p Page) (List[AuditEntry], error)
	AppendAudit(ctx context.Context, e AuditEntry) error
	// VerifyAudit returns how many entries the chain has, and a text that says where it is broken, "" where it is not.
	VerifyAudit(ctx context.Context) (entries int64, fault string, err error)
}

// Attempt is one verification of a claimed identity.
type Attempt struct {
	ID            string
	SpeakerID     string
	InteractionID string
	Decision      interaction.Decision
	LLR           *float64
	Threshold     *float64
	NetSpeechMs   int64
	Reasons       []string
	Shadow        bool
	At            time.Time
}

// Lockout is how a claimed identity stands after its attempts.
type Lockout struct {
	SpeakerID    string
	Failures     int
	AttemptAt    time.Time
	BlockedUntil time.Time
	LockedAt     time.Time
}

// Enrolment is a voiceprint that waits for a person's approval. The print itself never comes here.
type Enrolment struct {
	ID          string
	SpeakerID   string
	Model       string
	ConsentRef  string
	NetSpeechMs int64
	SNRdB       *float64
	Sources     int
	CreatedAt   time.Time
}

// Watchlist is a list of persons whose voices are searched for.
type Watchlist struct {
	Name          string
	Purpose       string
	LegalBasis    string
	RetentionDays int
	Approver      string
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// WatchlistEntry is one person on a watchlist.
type WatchlistEntry struct {
	Watchlist  string
	SpeakerID  string
	Reason     string
	AddedBy    string
	ApprovedBy string
	AddedAt    time.Time
	ExpiresAt  time.Time
}

// Consent is one entry of the consent ledger.
type Consent struct {
	ID            string
	SpeakerID     string
	Ref           string
	Purpose       string
	TextVersion   string
	Channel       string
	InteractionID string
	Jurisdiction  string
	GivenAt       time.Time
	ExpiresAt     time.Time
	WithdrawnAt   time.Time
}

// OptOut is the wish of a person, who stands in it as a pseudonym, never to be known by voice.
type OptOut struct {
	Pseudonym string
	Source    string
	Since     time.Time
}

// AuditEntry is one line of the audit log.
type AuditEntry struct {
	Seq     int64
	At      time.Time
	Actor   string
	Action  string
	Subject string
	Detail  map[string]string
	Hash    []byte
}

// Settings are what an administrator sees to.
type Settings interface {
	APIKeys(ctx context.Context) ([]APIKey, error)
	// AddAPIKey makes a key and returns the text that lets a program in. It is shown once and not kept.
	AddAPIKey(ctx context.Context, name string, scopes []string) (secret string, err error)
	RevokeAPIKey(ctx context.Context, id string) error
}

// APIKey lets a program in. Its secret is not here.
type APIKey struct {
	ID        string
	Name      string
	Scopes    []string
	CreatedAt time.Time
	UsedAt    time.Time
	ExpiresAt time.Time
	RevokedAt time.Time
}
