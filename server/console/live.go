package console

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

type liveView struct {
	Calls  []liveCall
	Alerts []Alert // of the last hour, open
	Socket bool    // events come by themselves
}

type liveCall struct {
	Summary
	R      *interaction.Interaction
	Affect *interaction.Affect
	Alerts []interaction.Alert // the latest first
}

// livePage shows the calls that run.
func (c *Console) livePage(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	d, err := c.liveNow(r, v)
	if err != nil {
		return err
	}
	c.render(w, r, v, http.StatusOK, "live", page{Title: "live.title", Scripts: []string{"live.js"}, Data: d})
	return nil
}

// liveCalls is the part of the page that changes.
func (c *Console) liveCalls(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	d, err := c.liveNow(r, v)
	if err != nil {
		return err
	}
	return c.part(w, r, v, "live", "live-calls", d)
}

func (c *Console) liveNow(r *http.Request, v *Visitor) (liveView, error) {
	d := liveView{Socket: c.opts.Events != nil}
	t := c.tenant(v)
	running, err := t.Running(r.Context())
	if err != nil {
		return liveView{}, err
	}
	for _, rec := range running {
		k := liveCall{Summary: summarise(rec), R: rec, Affect: customerAffect(rec), Alerts: slices.Clone(rec.Alerts)}
		slices.SortStableFunc(k.Alerts, func(a, b interaction.Alert) int { return cmp.Compare(b.StartMs, a.StartMs) })
		d.Calls = append(d.Calls, k)
	}
	// Whoever has the worst alert stands first, then the longest call.
	slices.SortStableFunc(d.Calls, func(a, b liveCall) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.R.Contact.DurationMs, a.R.Contact.DurationMs))
	})
	alerts, err := t.Alerts(r.Context(), AlertQuery{Open: true, From: c.opts.Now().Add(-time.Hour)}, Page{Limit: 30})
	if err != nil {
		return liveView{}, err
	}
	d.Alerts = alerts.Items
	return d, nil
}

// liveEvents is the websocket of events.
func (c *Console) liveEvents(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	if c.opts.Events == nil {
		return ErrNotFound
	}
	c.opts.Events(v.Tenant).ServeHTTP(w, r)
	return nil
}
