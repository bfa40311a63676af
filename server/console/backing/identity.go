package backing

import (
	"context"
	"errors"
	"fmt"

	"github.com/timbre-voice/timbre/server/console"
	"github.com/timbre-voice/timbre/server/store"
)

func (t *tenant) Attempts(ctx context.Context, speaker string, p console.Page) (console.List[console.Attempt], error) {
	l, err := t.t.Attempts(ctx, speaker, pageOf(p))
	return listOf(l, err, func(v store.Attempt) console.Attempt { return console.Attempt(v) })
}

func (t *tenant) Lockouts(ctx context.Context, p console.Page) (console.List[console.Lockout], error) {
	l, err := t.t.Lockouts(ctx, pageOf(p))
	return listOf(l, err, func(v store.Lockout) console.Lockout { return console.Lockout(v) })
}

func (t *tenant) Pending(ctx context.Context, p console.Page) (console.List[console.Enrolment], error) {
	l, err := t.t.PendingVoiceprints(ctx, pageOf(p))
	return listOf(l, err, func(v store.Voiceprint) console.Enrolment {
		return console.Enrolment{ID: v.ID, SpeakerID: v.SpeakerID, Model: v.Model, ConsentRef: v.ConsentRef, NetSpeechMs: v.NetSpeechMs,
			SNRdB: v.SNRdB, Sources: v.Sources, CreatedAt: v.CreatedAt}
	})
}

// errNoRegistry reports a console that was given no registry.
var errNoRegistry = fmt.Errorf("%w: there is no registry of persons here", console.ErrConflict)

func (t *tenant) Unlock(ctx context.Context, by, speaker string) error {
	if t.opts.Decide == nil {
		return errNoRegistry
	}
	return t.opts.Decide.Unlock(ctx, t.t.ID(), by, speaker)
}

func (t *tenant) ApproveEnrolment(ctx context.Context, by, id string) error {
	if t.opts.Decide == nil {
		return errNoRegistry
	}
	return t.opts.Decide.Approve(ctx, t.t.ID(), by, id)
}

func (t *tenant) RejectEnrolment(ctx context.Context, by, id string) error {
	if t.opts.Decide == nil {
		return errNoRegistry
	}
	return t.opts.Decide.Reject(ctx, t.t.ID(), by, id)
}

func (t *tenant) Watchlists(ctx context.Context) ([]console.Watchlist, error) {
	rows, err := t.t.Watchlists(ctx)
	return sliceOf(rows, err, func(v store.Watchlist) console.Watchlist { return console.Watchlist(v) })
}

func (t *tenant) WatchlistEntries(ctx context.Context, name string, p console.Page) (console.List[console.WatchlistEntry], error) {
	l, err := t.t.WatchlistEntries(ctx, name, pageOf(p))
	return listOf(l, err, func(v store.WatchlistEntry) console.WatchlistEntry { return console.WatchlistEntry(v) })
}

func (t *tenant) Consents(ctx context.Context, speaker string) ([]console.Consent, error) {
	rows, err := t.t.Consents(ctx, speaker)
	return sliceOf(rows, err, func(v store.Consent) console.Consent { return console.Consent(v) })
}

func (t *tenant) OptOuts(ctx context.Context, p console.Page) (console.List[console.OptOut], error) {
	l, err := t.t.OptOuts(ctx, pageOf(p))
	return listOf(l, err, func(v store.OptOut) console.OptOut { return console.OptOut(v) })
}

func (t *tenant) Audit(ctx context.Context, subject string, p console.Page) (console.List[console.AuditEntry], error) {
	l, err := t.t.Audit(ctx, subject, pageOf(p))
	return listOf(l, err, func(v store.AuditEntry) console.AuditEntry {
		return console.AuditEntry{Seq: v.Seq, At: v.At, Actor: v.Actor, Action: v.Action, Subject: v.Subject, Detail: v.Detail, Hash: v.Hash}
	})
}

func (t *tenant) AppendAudit(ctx context.Context, e console.AuditEntry) error {
	_, err := t.t.AppendAudit(ctx, store.AuditEntry{Actor: e.Actor, Action: e.Action, Subject: e.Subject, Detail: e.Detail})
	return fault(err)
}

func (t *tenant) VerifyAudit(ctx context.Context) (int64, string, error) {
	last, err := t.t.VerifyAudit(ctx)
	var broken *store.AuditFault
	if errors.As(err, &broken) {
		return 0, broken.Error(), nil
	}
	return last.Seq, "", fault(err)
}
