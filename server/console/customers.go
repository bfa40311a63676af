package console

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

type customersView struct {
	Angry []Summary // resolved, yet the customer left angry
	Find  string
	None  bool
	Days  int
}

// customers finds a customer and lists those whose call ended in anger although what they wanted was done: the transaction's
// outcome is not the experience.
func (c *Console) customers(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	ctx, t := r.Context(), c.tenant(v)
	d := customersView{Find: strings.TrimSpace(r.FormValue("find")), Days: 30}
	if d.Find != "" {
		n, err := t.Count(ctx, Query{CustomerID: d.Find}, 1)
		if err != nil {
			return err
		}
		if n > 0 {
			return back(w, r, customerPath(d.Find))
		}
		d.None = true
	}
	q := resolvedButAngry(c.opts.Now().AddDate(0, 0, -d.Days))
	found, err := t.Interactions(ctx, q, Page{Limit: 100})
	if err != nil {
		return err
	}
	for _, s := range found.Items {
		rec, err := t.Interaction(ctx, s.ID)
		if err != nil {
			return err
		}
		if resolved(rec.Contact.Attributes) {
			d.Angry = append(d.Angry, s)
		}
	}
	c.render(w, r, v, http.StatusOK, "customers", page{Title: "customers.title", Data: d})
	return nil
}

// resolvedButAngry asks for calls whose end was more probably angry than not, the angriest first. Whether they were resolved stands in
// the attributes that the site gives.
func resolvedButAngry(from time.Time) Query {
	return Query{From: from, Metrics: map[string]Range{"anger_end": above(0.5)}, Sort: "anger_end"}
}

// resolved reports whether the site says that the contact's matter was settled: attribute resolved of true or yes, or outcome of
// resolved.
func resolved(attributes map[string]string) bool {
	switch strings.ToLower(attributes["resolved"]) {
	case "true", "yes", "1":
		return true
	}
	return strings.EqualFold(attributes["outcome"], "resolved")
}

func customerPath(id string) string { return "/customers/" + pathEscape(id) }

type customerView struct {
	ID       string
	Contacts []contactView
	Course   []coursePoint
	Surveys  []Survey
	Tasks    []Task
	Next     string
	Repeats  int // contacts within a week of the one before
}

type contactView struct {
	Summary
	Surveys []Survey
	Gap     time.Duration // since the contact before; 0 for the first of the page
}

// coursePoint is one contact on the drawing of a journey; heights are 0 to 100 from the top.
type coursePoint struct {
	X                float64
	Start, Peak, End float64
	Has              bool
	ID               string
	At               time.Time
}

// customer shows a customer's journey.
func (c *Console) customer(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	ctx, t := r.Context(), c.tenant(v)
	d := customerView{ID: r.PathValue("id")}
	found, err := t.Interactions(ctx, Query{CustomerID: d.ID}, Page{After: r.FormValue("after"), Limit: 40})
	if err != nil {
		return err
	}
	if len(found.Items) == 0 {
		return ErrNotFound
	}
	d.Next = found.Next
	surveys, err := t.Surveys(ctx, d.ID, Page{Limit: 200})
	if err != nil {
		return err
	}
	d.Surveys = surveys.Items
	tasks, err := t.Tasks(ctx, TaskQuery{CustomerID: d.ID}, Page{Limit: 50})
	if err != nil {
		return err
	}
	d.Tasks = tasks.Items
	for i, s := range found.Items {
		k := contactView{Summary: s}
		for _, a := range d.Surveys {
			if a.ContactID != "" && a.ContactID == s.ContactID {
				k.Surveys = append(k.Surveys, a)
			}
		}
		if i+1 < len(found.Items) {
			k.Gap = s.At.Sub(found.Items[i+1].At)
			if k.Gap < 7*24*time.Hour {
				d.Repeats++
			}
		}
		d.Contacts = append(d.Contacts, k)
	}
	for i, s := range slices.Backward(found.Items) {
		p := coursePoint{X: 50, ID: s.ID, At: s.At}
		if n := len(found.Items); n > 1 {
			p.X = 4 + 92*float64(n-1-i)/float64(n-1)
		}
		peak, ok := s.Metrics["anger_peak"]
		if ok {
			p.Has, p.Peak, p.Start, p.End = true, 100*(1-peak), 100*(1-s.Metrics["anger_start"]), 100*(1-s.Metrics["anger_end"])
		}
		d.Course = append(d.Course, p)
	}
	c.render(w, r, v, http.StatusOK, "customer", page{Title: "customer.title", Heading: d.ID, Data: d})
	return nil
}

// exported are the columns of an export after the call's own. Read only.
var exported = []string{"duration_ms", "talk_share_agent", "non_talk_longest_ms", "overtalk_ms", "interruptions_agent", "arousal", "anger_start",
	"anger_peak", "anger_end", "predicted_csat", "nps", "csat", "ces", "score"}

// maxExported bounds the rows of one export.
const maxExported = 50_000

// export writes what the worklist's form finds as a table: one row a call. That somebody took it is in the audit log.
func (c *Console) export(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	q, err := parseQuery(r.URL.Query(), zoneOf(r))
	if err != nil {
		return err
	}
	if err := c.note(r.Context(), v, "export", "interactions", map[string]string{"filter": q.describe()}); err != nil {
		return err
	}
	t := c.tenant(v)
	found, err := t.Interactions(r.Context(), q, Page{Limit: 1000})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="timbre-calls.csv"`)
	out := csv.NewWriter(w)
	_ = out.Write(append([]string{"id", "at", "contact_id", "direction", "queue", "agent_id", "customer_id", "decision", "trend", "review"}, exported...)) // see Error below
	for n := 0; n < maxExported; {
		for _, s := range found.Items {
			row := []string{s.ID, s.At.UTC().Format(time.RFC3339), s.ContactID, s.Direction, s.Queue, s.AgentID, s.CustomerID, string(s.Decision), s.Trend, s.Review}
			for _, m := range exported {
				text := ""
				if x, ok := s.Metrics[m]; ok {
					text = strconv.FormatFloat(x, 'g', 8, 64)
				}
				row = append(row, text)
			}
			for i := range row {
				row[i] = plainCell(row[i])
			}
			_ = out.Write(row) // see Error below
		}
		n += len(found.Items)
		if found.Next == "" {
			break
		}
		if found, err = t.Interactions(r.Context(), q, Page{After: found.Next, Limit: 1000}); err != nil {
			// The table has begun: cutting it off is the one way left to say so.
			c.log.Error("console: export cut off", "err", err)
			panic(http.ErrAbortHandler)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("console: export: %w", err)
	}
	return nil
}

// plainCell keeps a spreadsheet from taking a text for a formula.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+@\t\r", rune(s[0])) || len(s) > 1 && s[0] == '-' && (s[1] < '0' || s[1] > '9') {
		return "'" + s
	}
	return s
}
