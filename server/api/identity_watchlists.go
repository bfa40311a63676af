package api

import (
	"context"
	"net/http"
	"time"
)

// Watchlists keeps lists of persons whose voices are searched for. by names who asks, for the audit log.
type Watchlists interface {
	Watchlists(ctx context.Context, tenant string) ([]Watchlist, error)
	SaveWatchlist(ctx context.Context, tenant, by string, w Watchlist) error
	DeleteWatchlist(ctx context.Context, tenant, by, name string) error
	WatchlistEntries(ctx context.Context, tenant, name string, p Page) (List[WatchlistEntry], error)
	// AddToWatchlist proposes an entry. ErrForbidden, wrapped, after an opt-out of the person.
	AddToWatchlist(ctx context.Context, tenant, by, name string, e NewEntry) (WatchlistEntry, error)
	// ApproveEntry puts an entry in force. ErrForbidden, wrapped, for another than the list's approver and for who added the entry.
	ApproveEntry(ctx context.Context, tenant, by, approver, name, speaker string) error
	RemoveFromWatchlist(ctx context.Context, tenant, by, name, speaker string) error
}

// Watchlist is a list with what the law asks of one.
type Watchlist struct {
	Name          string `json:"name,omitempty" readOnly:"true"`
	Purpose       string `json:"purpose" minLength:"1" maxLength:"500"`
	LegalBasis    string `json:"legal_basis" minLength:"1" maxLength:"500"`
	RetentionDays int    `json:"retention_days" minimum:"1" maximum:"36500"`
	Approver      string `json:"approver" minLength:"1" maxLength:"200" doc:"Who may approve entries."`
}

// NewEntry proposes a person for a list.
type NewEntry struct {
	SpeakerID string `json:"speaker_id" minLength:"1" maxLength:"200"`
	Reason    string `json:"reason" minLength:"1" maxLength:"1000"`
	AddedBy   string `json:"added_by" minLength:"1" maxLength:"200" doc:"Who proposes it."`
}

// Approval says who approves.
type Approval struct {
	ApprovedBy string `json:"approved_by" minLength:"1" maxLength:"200"`
}

// WatchlistEntry is one person on a list.
type WatchlistEntry struct {
	SpeakerID  string     `json:"speaker_id"`
	Reason     string     `json:"reason"`
	AddedBy    string     `json:"added_by"`
	ApprovedBy string     `json:"approved_by,omitempty" doc:"Absent: waits for approval, and is not searched."`
	AddedAt    *time.Time `json:"added_at,omitempty"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
}

func (a *API) watchlists(w Watchlists) {
	type ListPath struct {
		Name string `path:"name" minLength:"1" maxLength:"200"`
	}
	type EntryPath struct {
		ListPath
		Speaker string `path:"speaker" minLength:"1" maxLength:"200"`
	}
	add(a, op{method: http.MethodGet, path: "/v1/watchlists", scope: ScopeIdentity, id: "list-watchlists", summary: "Watchlists", tag: "identity"},
		func(ctx context.Context, p Principal, _ *struct{}) (*body[List[Watchlist]], error) {
			list, err := w.Watchlists(ctx, p.Tenant)
			return page(List[Watchlist]{Items: list}, err)
		})
	add(a, op{method: http.MethodPut, path: "/v1/watchlists/{name}", scope: ScopeIdentity, id: "save-watchlist", summary: "Make or change a watchlist", tag: "identity", status: http.StatusNoContent,
		about: "A list needs a purpose, a legal basis, a retention and who approves entries."},
		func(ctx context.Context, p Principal, in *struct {
			ListPath
			Body Watchlist
		}) (*none, error) {
			in.Body.Name = in.Name
			return done(w.SaveWatchlist(ctx, p.Tenant, p.by(), in.Body))
		})
	add(a, op{method: http.MethodDelete, path: "/v1/watchlists/{name}", scope: ScopeIdentity, id: "delete-watchlist", summary: "Delete a watchlist; the persons stay", tag: "identity", status: http.StatusNoContent},
		func(ctx context.Context, p Principal, in *ListPath) (*none, error) {
			return done(w.DeleteWatchlist(ctx, p.Tenant, p.by(), in.Name))
		})
	add(a, op{method: http.MethodGet, path: "/v1/watchlists/{name}/entries", scope: ScopeIdentity, id: "list-watchlist-entries", summary: "Persons on a watchlist", tag: "identity"},
		func(ctx context.Context, p Principal, in *struct {
			ListPath
			Page
		}) (*body[List[WatchlistEntry]], error) {
			return page(w.WatchlistEntries(ctx, p.Tenant, in.Name, in.Page))
		})
	add(a, op{method: http.MethodPost, path: "/v1/watchlists/{name}/entries", scope: ScopeIdentity, id: "add-watchlist-entry", summary: "Propose a person for a watchlist", tag: "identity", status: http.StatusCreated,
		about: "The entry is searched once the list's approver, who must not be who added it, approved it."},
		func(ctx context.Context, p Principal, in *struct {
			ListPath
			Body NewEntry
		}) (*body[WatchlistEntry], error) {
			return ok(w.AddToWatchlist(ctx, p.Tenant, p.by(), in.Name, in.Body))
		})
	add(a, op{method: http.MethodPost, path: "/v1/watchlists/{name}/entries/{speaker}/approve", scope: ScopeIdentity, id: "approve-watchlist-entry", summary: "Approve an entry, from when on it is searched", tag: "identity", status: http.StatusNoContent},
		func(ctx context.Context, p Principal, in *struct {
			EntryPath
			Body Approval
		}) (*none, error) {
			return done(w.ApproveEntry(ctx, p.Tenant, p.by(), in.Body.ApprovedBy, in.Name, in.Speaker))
		})
	add(a, op{method: http.MethodDelete, path: "/v1/watchlists/{name}/entries/{speaker}", scope: ScopeIdentity, id: "remove-watchlist-entry", summary: "Take a person off a watchlist", tag: "identity", status: http.StatusNoContent},
		func(ctx context.Context, p Principal, in *EntryPath) (*none, error) {
			return done(w.RemoveFromWatchlist(ctx, p.Tenant, p.by(), in.Name, in.Speaker))
		})
}
