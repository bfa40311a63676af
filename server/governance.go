package server

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/policy"
	"github.com/timbre-voice/timbre/server/store"
)

// governance is api.Governance over the policy and the store.
type governance struct {
	store  *store.Store
	policy policy.Config
}

var _ api.Governance = governance{}

func (g governance) Explain(_ context.Context, tenant string, c api.PolicyCall) (api.Policy, error) {
	r, err := g.policy.Resolve(policy.Call{Tenant: tenant, Site: c.Site, Jurisdiction: c.Jurisdiction, Queue: c.Queue})
	if err != nil {
		return api.Policy{}, fmt.Errorf("%w: %w", api.ErrInvalid, err)
	}
	out := api.Policy{Policy: r.Permit.Policy, Jurisdiction: r.Permit.Jurisdiction, Lines: []api.PolicyLine{}}
	for _, l := range r.Lines() {
		out.Lines = append(out.Lines, api.PolicyLine(l))
	}
	return out, nil
}

func (g governance) Audit(ctx context.Context, tenant, subject string, p api.Page) (api.List[api.AuditLine], error) {
	l, err := g.store.Tenant(tenant).Audit(ctx, subject, pageOf(p))
	return listOf(l, err, func(e *store.AuditEntry) api.AuditLine {
		return api.AuditLine{Seq: e.Seq, At: e.At, Actor: e.Actor, Action: e.Action, Subject: e.Subject, Detail: e.Detail, Hash: hex.EncodeToString(e.Hash)}
	})
}

func (g governance) CheckAudit(ctx context.Context, tenant string) (api.AuditCheck, error) {
	last, err := g.store.Tenant(tenant).VerifyAudit(ctx)
	var broken *store.AuditFault
	if errors.As(err, &broken) {
		return api.AuditCheck{Entries: broken.Seq - 1, Fault: broken.Error()}, nil
	}
	if err != nil {
		return api.AuditCheck{}, fault(err)
	}
	return api.AuditCheck{Intact: true, Entries: last.Seq, Head: hex.EncodeToString(last.Hash)}, nil
}
