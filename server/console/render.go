package console

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"math"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// page is what one page shows.
type page struct {
	Title   string // key of the catalogue
	Heading string // in place of Title, where it names something
	Bare    bool   // without navigation
	Scripts []string
	Styles  []string
	Tabs    []tab
	Data    any
}

// tab is a page beside this one.
type tab struct {
	Path, Key string
}

// frame is what every template sees.
type frame struct {
	page
	Visitor *Visitor
	Places  []place
	Path    string // with its query
	Here    string // path alone
	Lang    string
	CSRF    string
	Nonce   string
	Words   map[string]string
}

// May reports whether the visitor may do something, for templates.
func (f frame) May(r string) bool { return f.Visitor != nil && f.Visitor.may(right(r)) }

// Inside reports whether the page lies below a place of the navigation, for templates.
func (f frame) Inside(place string) bool {
	return strings.HasPrefix(f.Here, place+"/") || place == "/calls" && strings.HasPrefix(f.Here, "/evaluations/")
}

// With returns the frame around another value, for templates that show a part.
func (f frame) With(data any) frame {
	f.Data = data
	return f
}

type pageTemplates map[string]*template.Template

// parseTemplates reads the templates once a language.
func (c *Console) parseTemplates() (map[string]pageTemplates, error) {
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	out := map[string]pageTemplates{}
	for _, l := range languages {
		set := pageTemplates{}
		for _, name := range names {
			page := strings.TrimSuffix(path.Base(name), ".html")
			if page == "layout" || page == "parts" {
				continue
			}
			t, err := template.New(page).Funcs(c.functions(l.Tag)).ParseFS(files, "templates/layout.html", "templates/parts.html", name)
			if err != nil {
				return nil, fmt.Errorf("console: template: %w", err)
			}
			set[page] = t
		}
		out[l.Tag] = set
	}
	return out, nil
}

// render writes a whole page.
func (c *Console) render(w http.ResponseWriter, r *http.Request, v *Visitor, status int, name string, p page) {
	c.write(w, r, v, status, name, "layout", p)
}

// part writes a named part of a page, for a page that is open already.
func (c *Console) part(w http.ResponseWriter, r *http.Request, v *Visitor, name, part string, data any) error {
	c.write(w, r, v, http.StatusOK, name, part, page{Title: "brand", Data: data})
	return nil
}

func (c *Console) write(w http.ResponseWriter, r *http.Request, v *Visitor, status int, name, part string, p page) {
	f := frame{page: p, Visitor: v, Path: r.URL.RequestURI(), Here: r.URL.Path, Lang: language(r)}
	f.Nonce, _ = r.Context().Value(keyNonce).(string) // set by ServeHTTP
	if v != nil {
		f.CSRF = token(v.secret)
		if !p.Bare {
			f.Places = placesOf(v)
		}
	}
	f.Words = c.words.scripts(f.Lang)
	var b bytes.Buffer
	if err := c.templates[f.Lang][name].ExecuteTemplate(&b, part, f); err != nil {
		c.log.Error("console: template", "path", r.URL.Path, "err", err)
		http.Error(w, "console: the page could not be made; the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // a browser that is gone needs no answer
}

// functions returns what templates may call.
func (c *Console) functions(lang string) template.FuncMap {
	return template.FuncMap{
		"t":      func(key string, args ...any) (string, error) { return c.words.text(lang, key, args...) },
		"n":      func(key string, n int) (string, error) { return c.words.plural(lang, key, n) },
		"word":   func(group string, word any) string { return c.words.word(lang, group, fmt.Sprint(word)) },
		"asset":  func(name string) (string, error) { return c.assets.path(name) },
		"icon":   icon,
		"clock":  clock,
		"span":   span,
		"pct":    percent,
		"num":    func(digits int, x any) string { return decimal(lang, digits, x) },
		"figure": func(v float64) string { return figure(lang, v) },
		"when":   when,
		"day":    func(t time.Time) template.HTML { return stamp(t, "day") },
		"join":   strings.Join,
		"list":   func(x ...any) []any { return x },
		"langs":  func() any { return languages },
		"query":  func(base url.Values, pairs ...string) string { return requery(base, pairs...) },
		"has":    func(list []string, s string) bool { return contains(list, s) },
		"pseudo": pseudonym,
		"deref": func(x *float64) float64 {
			if x == nil {
				return math.NaN()
			}
			return *x
		},
		"add":   func(a, b int) int { return a + b },
		"ratio": func(a, b int) float64 { return 100 * float64(a) / float64(max(b, 1)) },
	}
}

// clock returns a position in a call as m:ss or h:mm:ss.
func clock(ms int64) string {
	s := ms / 1000
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// span returns a length of time in the unit that fits it: "740 ms", "4.9 s", "3:20 min".
func span(ms any) string {
	var v float64
	switch x := ms.(type) {
	case int64:
		v = float64(x)
	case float64:
		v = x
	case *float64:
		if x == nil {
			return "–"
		}
		v = *x
	}
	switch {
	case v < 1000:
		return fmt.Sprintf("%.0f ms", v)
	case v < 60_000:
		return fmt.Sprintf("%.1f s", v/1000)
	}
	return clock(int64(v)) + " min"
}

// percent returns a share as a whole percentage.
func percent(x any) string {
	switch v := x.(type) {
	case float64:
		return fmt.Sprintf("%.0f %%", 100*v)
	case *float64:
		if v != nil {
			return fmt.Sprintf("%.0f %%", 100**v)
		}
	}
	return "–"
}

// decimal returns a number with the language's decimal sign.
func decimal(lang string, digits int, x any) string {
	var v float64
	switch x := x.(type) {
	case float64:
		v = x
	case int:
		v = float64(x)
	case int64:
		v = float64(x)
	case *float64:
		if x == nil {
			return "–"
		}
		v = *x
	}
	s := fmt.Sprintf("%.*f", digits, v)
	if lang == "pl" {
		s = strings.ReplaceAll(s, ".", ",")
	}
	return s
}

// figure returns a measured number: a count as it is, anything else to a tenth.
func figure(lang string, v float64) string {
	digits := 1
	if v == math.Trunc(v) {
		digits = 0
	}
	return decimal(lang, digits, v)
}

// when returns a time that the page's script writes in the viewer's zone; until then it is in UTC.
func when(t any) template.HTML {
	switch t := t.(type) {
	case time.Time:
		return stamp(t, "minute")
	case *time.Time:
		if t != nil {
			return stamp(*t, "minute")
		}
	}
	return "–"
}

func stamp(t time.Time, precision string) template.HTML {
	if t.IsZero() {
		return "–"
	}
	t = t.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `" data-precision="` + precision + `">` + t.Format("2006-01-02 15:04") + " UTC</time>")
}

// requery returns a query with some values set; an empty one is left out. The page of a list never outlives a change of its query.
func requery(base url.Values, pairs ...string) string {
	q := url.Values{}
	for k, v := range base {
		if k != "after" {
			q[k] = v
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Del(pairs[i])
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return "?" + q.Encode()
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// pseudonym shortens a long one to what a person can compare.
func pseudonym(s string) string {
	if len(s) > 16 {
		return s[:6] + "…" + s[len(s)-6:]
	}
	return s
}
