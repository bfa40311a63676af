package store

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// exportPage is how many interactions an export reads at a time.
const exportPage = 200

// ExportJSONL writes the records that the query asks for, one JSON document a line, and returns how many. It reads page by page: a
// record that is saved meanwhile is in it as it was or as it is.
func (t *Tenant) ExportJSONL(ctx context.Context, w io.Writer, q Query) (int, error) {
	b := bufio.NewWriter(w)
	n, err := t.each(ctx, q, func(v *Summary) error {
		docs, err := texts(ctx, t.s.read, "SELECT record FROM records WHERE tenant = $1 AND interaction_id = $2", t.id, v.ID)
		if err != nil {
			return explain(err, "interaction", v.ID)
		}
		for _, doc := range docs { // none: deleted meanwhile
			if _, err := b.WriteString(doc + "\n"); err != nil {
				return fmt.Errorf("store: export: %w", err)
			}
		}
		return nil
	})
	if err == nil {
		if err = b.Flush(); err != nil {
			err = fmt.Errorf("store: export: %w", err)
		}
	}
	return n, err
}

// ExportCSV writes one line for each interaction that the query asks for, after a header with the names of the columns, and
// returns how many. Times are RFC 3339 in UTC. A text that a spreadsheet would take for a formula gets an apostrophe before it.
func (t *Tenant) ExportCSV(ctx context.Context, w io.Writer, q Query) (int, error) {
	c := csv.NewWriter(w)
	head := make([]string, 0, len(exportColumns)+len(metrics))
	for _, x := range exportColumns {
		head = append(head, x.name)
	}
	if err := c.Write(append(head, MetricNames()...)); err != nil {
		return 0, fmt.Errorf("store: export: %w", err)
	}
	n, err := t.each(ctx, q, func(v *Summary) error {
		line := make([]string, 0, len(exportColumns)+len(metrics))
		for _, x := range exportColumns {
			line = append(line, x.of(v))
		}
		for _, m := range v.Metrics {
			cell := ""
			if m != nil {
				cell = strconv.FormatFloat(*m, 'g', -1, 64)
			}
			line = append(line, cell)
		}
		if err := c.Write(line); err != nil {
			return fmt.Errorf("store: export: %w", err)
		}
		return nil
	})
	c.Flush()
	if err == nil && c.Error() != nil {
		err = fmt.Errorf("store: export: %w", c.Error())
	}
	return n, err
}

// exportColumns are the columns of the CSV before the metrics. Read only.
var exportColumns = []struct {
	name string
	of   func(*Summary) string
}{
	{"id", func(v *Summary) string { return harmless(v.ID) }},
	{"at", func(v *Summary) string { return timeCell(v.At) }},
	{"revision", func(v *Summary) string { return strconv.Itoa(v.Revision) }},
	{"state", func(v *Summary) string { return string(v.State) }},
	{"contact_id", func(v *Summary) string { return harmless(v.ContactID) }},
	{"related_contact_id", func(v *Summary) string { return harmless(v.RelatedContactID) }},
	{"started_at", func(v *Summary) string { return timeCell(v.StartedAt) }},
	{"ended_at", func(v *Summary) string { return timeCell(v.EndedAt) }},
	{"direction", func(v *Summary) string { return harmless(v.Direction) }},
	{"language", func(v *Summary) string { return harmless(v.Language) }},
	{"queue", func(v *Summary) string { return harmless(v.Queue) }},
	{"agent_id", func(v *Summary) string { return harmless(v.AgentID) }},
	{"customer_id", func(v *Summary) string { return harmless(v.CustomerID) }},
	{"source", func(v *Summary) string { return harmless(v.Source) }},
	{"dialect", func(v *Summary) string { return harmless(v.Dialect) }},
	{"endpoint", func(v *Summary) string { return harmless(v.Endpoint) }},
	{"decision", func(v *Summary) string { return string(v.Decision) }},
	{"trend", func(v *Summary) string { return harmless(v.Trend) }},
	{"severity", func(v *Summary) string { return severities[v.Severity] }},
	{"review", func(v *Summary) string { return harmless(v.Review) }},
	{"audio_kept", func(v *Summary) string { return harmless(v.AudioKept) }},
	{"policy", func(v *Summary) string { return harmless(v.Policy) }},
	{"jurisdiction", func(v *Summary) string { return harmless(v.Jurisdiction) }},
	{"retention_until", func(v *Summary) string { return timeCell(v.RetentionUntil) }},
}

func timeCell(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

// harmless keeps a spreadsheet from running a text that came from outside (OWASP, CSV injection): the characters that begin a
// formula, also behind white space or a quote, which some programs strip.
func harmless(s string) string {
	begin := strings.TrimLeft(s, " \t\r\n\v\f\u00a0'\"")
	if s != "" && (strings.ContainsRune("\t\r\n", rune(s[0])) || begin != "" && strings.ContainsRune("=+-@|%\uff1d\uff0b\uff0d\uff20", []rune(begin)[0])) {
		return "'" + s
	}
	return s
}

// each calls f for every interaction of the query, in its order.
func (t *Tenant) each(ctx context.Context, q Query, f func(*Summary) error) (n int, err error) {
	for v, err := range Every(ctx, func(ctx context.Context, page Page) (List[Summary], error) {
		page.Limit = exportPage
		return t.Interactions(ctx, q, page)
	}) {
		if err != nil {
			return n, err
		}
		if err := f(&v); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
