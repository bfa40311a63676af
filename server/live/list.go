package live

import (
	"slices"
	"time"
)

// Running is one line of the list of running calls.
type Running struct {
	ID         string
	Tenant     string
	CallID     string // the platform's
	Dialect    string
	Endpoint   string
	StartedAt  time.Time
	DurationMs int64
	AgentID    string
	Queue      string
	Streams    int
}

// Running lists the calls of a tenant, oldest first; of all tenants where tenant is "".
func (h *Hub) Running(tenant string) []Running {
	h.mu.Lock()
	calls := make([]*call, 0, len(h.calls))
	for _, c := range h.calls {
		if tenant == "" || c.tenant == tenant {
			calls = append(calls, c)
		}
	}
	h.mu.Unlock()
	out := make([]Running, len(calls))
	for i, c := range calls {
		out[i] = c.line()
	}
	slices.SortFunc(out, func(a, b Running) int {
		if d := a.StartedAt.Compare(b.StartedAt); d != 0 {
			return d
		}
		return slices.Compare([]byte(a.ID), []byte(b.ID))
	})
	return out
}
