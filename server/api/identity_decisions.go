package api

import (
	"context"
	"net/http"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// Decisions is what persons decide about the enrolled. by names who asks, for the audit log.
type Decisions interface {
	// Pending lists the voiceprints that wait for approval.
	Pending(ctx context.Context, tenant string, p Page) (List[Waiting], error)
	// Approve puts a voiceprint in force. ErrForbidden, wrapped, without a consent in force, and where the policy asks for a second
	// person and there is none.
	Approve(ctx context.Context, tenant, by, print string) error
	Reject(ctx context.Context, tenant, by, print string) error
	// Attempts lists verifications, of one claimed identity where speaker is not empty, the latest first.
	Attempts(ctx context.Context, tenant, speaker string, p Page) (List[Attempt], error)
	// Lockout returns ErrNotFound, wrapped, where no attempt was counted.
	Lockout(ctx context.Context, tenant, speaker string) (Lockout, error)
	// Unlock forgets the failures of an identity. ErrNotFound where there are none.
	Unlock(ctx context.Context, tenant, by, speaker string) error
	Holds(ctx context.Context, tenant, speaker string) ([]Hold, error)
	Hold(ctx context.Context, tenant, by, speaker, reason string) (Hold, error)
	// Release ends a hold on a person. ErrConflict where it was released before.
	Release(ctx context.Context, tenant, by, hold string) error
}

// Waiting is a voiceprint that waits for approval.
type Waiting struct {
	Print
	SpeakerID  string `json:"speaker_id"`
	ConsentRef string `json:"consent_ref"`
	Sources    int    `json:"sources" doc:"Recordings that it was made of."`
}

// Attempt is one verification of a claimed identity.
type Attempt struct {
	ID            string               `json:"id"`
	SpeakerID     string               `json:"speaker_id"`
	InteractionID string               `json:"interaction_id,omitempty"`
	Decision      interaction.Decision `json:"decision"`
	LLR           *float64             `json:"llr"`
	Threshold     *float64             `json:"threshold"`
	NetSpeechMs   int64                `json:"net_speech_ms"`
	Reasons       []string             `json:"reasons"`
	Shadow        bool                 `json:"shadow" doc:"Kept for calibration, counted for nothing, and not shown on the call."`
	At            time.Time            `json:"at"`
}

// Lockout is how a claimed identity stands after its attempts. It locks the voice factor, never the customer.
type Lockout struct {
	SpeakerID    string     `json:"speaker_id"`
	Failures     int        `json:"failures" doc:"In a row."`
	AttemptAt    *time.Time `json:"attempt_at,omitempty" doc:"The last attempt."`
	BlockedUntil *time.Time `json:"blocked_until,omitempty"`
	LockedAt     *time.Time `json:"locked_at,omitempty" doc:"Present: until somebody unlocks it."`
}

// Hold forbids to delete what is kept of a person until it is released.
type Hold struct {
	ID         string     `json:"id"`
	SpeakerID  string     `json:"speaker_id"`
	Reason     string     `json:"reason"`
	PlacedBy   string     `json:"placed_by"`
	PlacedAt   time.Time  `json:"placed_at"`
	ReleasedBy string     `json:"released_by,omitempty"`
	ReleasedAt *time.Time `json:"released_at,omitempty"`
}

// NewHold asks for a hold.
type NewHold struct {
	Reason string `json:"reason" minLength:"1" maxLength:"1000" doc:"Why, for who is refused a deletion."`
}

func (a *API) decisions(d Decisions) {
	type PrintPath struct {
		ID string `path:"id" minLength:"1" maxLength:"200"`
	}
	add(a, op{method: http.MethodGet, path: "/v1/enrolments", scope: ScopeIdentity, id: "list-enrolments", summary: "Voiceprints that wait for approval", tag: "identity"},
		func(ctx context.Context, p Principal, in *Page) (*body[List[Waiting]], error) {
			return page(d.Pending(ctx, p.Tenant, *in))
		})
	add(a, op{method: http.MethodPost, path: "/v1/enrolments/{id}/approve", scope: ScopeIdentity, id: "approve-enrolment", summary: "Put a voiceprint that waits in force", tag: "identity", status: http.StatusNoContent,
		about: "A consent must be in force. Where the policy asks for a second person, another key than the one that asked for it has to approve."},
		func(ctx context.Context, p Principal, in *PrintPath) (*none, error) {
			return done(d.Approve(ctx, p.Tenant, p.by(), in.ID))
		})
	add(a, op{method: http.MethodPost, path: "/v1/enrolments/{id}/reject", scope: ScopeIdentity, id: "reject-enrolment", summary: "Remove a voiceprint that waits", tag: "identity", status: http.StatusNoContent},
		func(ctx context.Context, p Principal, in *PrintPath) (*none, error) {
			return done(d.Reject(ctx, p.Tenant, p.by(), in.ID))
		})
	add(a, op{method: http.MethodGet, path: "/v1/attempts", scope: ScopeIdentity, id: "list-attempts", summary: "Verifications, the latest first", tag: "identity",
		about: "What shadow mode keeps is here alone."},
		func(ctx context.Context, p Principal, in *struct {
			Speaker string `query:"speaker_id" maxLength:"200" doc:"Of this claimed identity alone."`
			Page
		}) (*body[List[Attempt]], error) {
			return page(d.Attempts(ctx, p.Tenant, in.Speaker, in.Page))
		})
	add(a, op{method: http.MethodGet, path: "/v1/speakers/{id}/lockout", scope: ScopeIdentity, id: "get-lockout", summary: "How a claimed identity stands after its attempts", tag: "identity"},
		func(ctx context.Context, p Principal, in *SpeakerPath) (*body[Lockout], error) {
			return ok(d.Lockout(ctx, p.Tenant, in.ID))
		})
	add(a, op{method: http.MethodDelete, path: "/v1/speakers/{id}/lockout", scope: ScopeIdentity, id: "unlock-speaker", summary: "Open the voice factor that failed attempts have locked", tag: "identity", status: http.StatusNoContent},
		func(ctx context.Context, p Principal, in *SpeakerPath) (*none, error) {
			return done(d.Unlock(ctx, p.Tenant, p.by(), in.ID))
		})
	add(a, op{method: http.MethodGet, path: "/v1/speakers/{id}/holds", scope: ScopeIdentity, id: "list-holds", summary: "Legal holds on a person, released ones included", tag: "identity"},
		func(ctx context.Context, p Principal, in *SpeakerPath) (*body[List[Hold]], error) {
			list, err := d.Holds(ctx, p.Tenant, in.ID)
			return page(List[Hold]{Items: list}, err)
		})
	add(a, op{method: http.MethodPost, path: "/v1/speakers/{id}/holds", scope: ScopeIdentity, id: "hold-speaker", summary: "Forbid to delete a person until the hold is released", tag: "identity", status: http.StatusCreated},
		func(ctx context.Context, p Principal, in *struct {
			SpeakerPath
			Body NewHold
		}) (*body[Hold], error) {
			return ok(d.Hold(ctx, p.Tenant, p.by(), in.ID, in.Body.Reason))
		})
	add(a, op{method: http.MethodDelete, path: "/v1/holds/{id}", scope: ScopeIdentity, id: "release-hold", summary: "End a legal hold on a person", tag: "identity", status: http.StatusNoContent},
		func(ctx context.Context, p Principal, in *PrintPath) (*none, error) {
			return done(d.Release(ctx, p.Tenant, p.by(), in.ID))
		})
}
