package console

import (
	"context"
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

var keyUse = []struct {
	re     *regexp.Regexp
	plural bool
}{
	{regexp.MustCompile(`\bt "([a-z0-9_.]+)"`), false}, {regexp.MustCompile(`\bn "([a-z0-9_.]+)"`), true},
	{regexp.MustCompile(`words\.([a-z_]+)`), false},
}

// TestEveryTextIsInTheCatalogueAndEveryTextIsUsed reads the templates, the scripts and the code.
func TestEveryTextIsInTheCatalogueAndEveryTextIsUsed(t *testing.T) {
	c, err := readCatalogue(files)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	need := func(where, key string) {
		used[key] = true
		for _, l := range languages {
			if c.texts[l.Tag][key] == "" {
				t.Errorf("%s: no text %q in %s", where, key, l.Tag)
			}
		}
	}
	read := func(f fs.FS, pattern string) {
		names, err := fs.Glob(f, pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(names), err)
		}
		for _, name := range names {
			b, err := fs.ReadFile(f, name)
			if err != nil {
				t.Fatal(err)
			}
			for _, use := range keyUse {
				for _, m := range use.re.FindAllStringSubmatch(string(b), -1) {
					switch {
					case strings.HasSuffix(name, ".js"):
						need(name, "js."+m[1])
					case use.plural:
						for _, form := range []string{"one", "few", "many"} {
							need(name, m[1]+"."+form)
						}
					default:
						need(name, m[1])
					}
				}
			}
		}
	}
	read(files, "templates/*.html")
	read(files, "static/*.js")
	for _, p := range places {
		need("places", p.Key)
	}
	for _, p := range piles {
		need("piles", "pile."+p.Name)
		need("piles", "pile."+p.Name+".why")
	}
	for _, f := range metricFilters {
		need("filters", "range."+f.Field)
	}
	for _, s := range sorts[1:] {
		need("sorts", "metric."+s)
	}
	for _, r := range roles {
		need("roles", "userrole."+r)
	}
	for _, code := range []string{"not_found", "forbidden", "conflict", "invalid", "internal", "stale"} {
		need("problems", "problem."+code)
		need("problems", "problem."+code+".help")
	}
	// Keys that code puts together, or that stand for words of records.
	group := regexp.MustCompile(`^(role|direction|source|emotion|trend|severity|decision|code|field|span|rule|survey|state|taskstate|answer|kind|formstate|userrole|purpose|action|metric|why|finding|audio|login|card|js|identity\.tab|admin\.tab|reason)\.`)
	titles := map[string]bool{"call.title": true, "customer.title": true, "form.title": true}
	for key := range c.texts["en"] {
		if !used[key] && !group.MatchString(key) && !titles[key] {
			t.Errorf("text %q is used nowhere", key)
		}
	}
}

func TestCatalogueOfOtherWords(t *testing.T) {
	c, err := readCatalogue(files)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.word("en", "rule", "my_own_rule"); got != "my own rule" {
		t.Errorf("a site's own rule is called %q", got)
	}
	for _, x := range []struct {
		lang string
		n    int
		want string
	}{{"en", 1, "1 call"}, {"en", 0, "0 calls"}, {"pl", 1, "1 rozmowa"}, {"pl", 3, "3 rozmowy"}, {"pl", 12, "12 rozmów"}, {"pl", 22, "22 rozmowy"}, {"pl", 5, "5 rozmów"}} {
		if got, err := c.plural(x.lang, "calls", x.n); err != nil || got != x.want {
			t.Errorf("%d calls in %s: %q, %v, want %q", x.n, x.lang, got, err, x.want)
		}
	}
	for _, bad := range []string{"a\tb\n", "a\tb\tc\na\tb\tc\n", "a\t%d\t%s\n", "a\tb\t\n"} {
		if _, err := readCatalogue(oneFile(bad)); err == nil {
			t.Errorf("catalogue %q was taken", bad)
		}
	}
}

func TestPassword(t *testing.T) {
	h := newHashing()
	ctx := context.Background()
	kept, err := h.hash(ctx, "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(kept, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %q", kept)
	}
	for password, want := range map[string]bool{"correct horse battery": true, "correct horse batterz": false, "": false} {
		if same, err := h.matches(ctx, password, kept); err != nil || same != want {
			t.Errorf("%q matches %t, %v, want %t", password, same, err, want)
		}
	}
	if same, err := h.matches(ctx, "anything at all", ""); err != nil || same {
		t.Errorf("a user without a password: %t, %v", same, err)
	}
	for _, bad := range []string{"x", "$argon2i$v=19$m=19456,t=2,p=1$AAAA$AAAA", "$argon2id$v=19$m=99999999,t=2,p=1$AAAA$" + strings.Repeat("A", 43), "$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA"} {
		if _, err := h.matches(ctx, "x", bad); err == nil {
			t.Errorf("hash %q was taken", bad)
		}
	}
	for _, p := range []string{"short", strings.Repeat("x", 257)} {
		if _, err := h.hash(ctx, p); err == nil {
			t.Errorf("a password of %d bytes was taken", len(p))
		}
	}
}

func TestLimiter(t *testing.T) {
	now := time.Unix(1000, 0)
	l := newLimiter(3, time.Minute, func() time.Time { return now })
	for i := range 3 {
		if w := l.wait("a"); w != 0 {
			t.Fatalf("try %d waits %s", i, w)
		}
		l.failed("a")
	}
	if w := l.wait("a"); w != time.Minute {
		t.Errorf("after 3 failures: wait %s, want a minute", w)
	}
	if w := l.wait("b"); w != 0 {
		t.Errorf("another key waits %s", w)
	}
	now = now.Add(time.Minute)
	if w := l.wait("a"); w != 0 {
		t.Errorf("a minute later: wait %s", w)
	}
	l.failed("a")
	l.forget("a")
	if w := l.wait("a"); w != 0 {
		t.Errorf("forgotten: wait %s", w)
	}
}

func TestParseQuery(t *testing.T) {
	warsaw, err := time.LoadLocation("Europe/Warsaw")
	if err != nil {
		t.Fatal(err)
	}
	q, err := parseQuery(url.Values{"from": {"2026-03-01"}, "to": {"2026-03-01"}, "anger_min": {"80"}, "silence_max": {"2,5"}, "sort": {"anger_peak"}, "order": {"asc"}}, warsaw)
	if err != nil {
		t.Fatal(err)
	}
	if got := q.To.Sub(q.From); got != 24*time.Hour || q.From.UTC().Hour() != 23 {
		t.Errorf("a day from %s lasts %s, want 24 hours of Warsaw", q.From, got)
	}
	if got := q.describe(); got != "from 2026-02-28T23:00:00Z, before 2026-03-01T23:00:00Z, non_talk_longest_ms at most 2500, anger_peak at least 0.8" {
		t.Errorf("described as %q", got)
	}
	for _, bad := range []url.Values{{"from": {"yesterday"}}, {"severity": {"9"}}, {"sort": {"id; DROP"}}, {"anger_min": {"much"}}, {"score_min": {"NaN"}}} {
		if _, err := parseQuery(bad, time.UTC); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

func FuzzParseQuery(f *testing.F) {
	f.Add("from=2026-03-01&anger_min=80&sort=anger_peak")
	f.Add("silence_min=1e400&severity=-1")
	f.Fuzz(func(t *testing.T, text string) {
		values, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		q, err := parseQuery(values, time.UTC)
		if err == nil && q.describe() == "" {
			t.Error("a query without words")
		}
	})
}

func TestLocalPathAndCells(t *testing.T) {
	for in, want := range map[string]string{"/calls?x=1": "/calls?x=1", "//evil": "/", "https://evil": "/", `/\evil`: "/", "": "/", "/a\nb": "/"} {
		if got := localPath(in); got != want {
			t.Errorf("%q leads to %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"=1+1": "'=1+1", "@x": "'@x", "-3.5": "-3.5", "-x": "'-x", "plain": "plain", "": ""} {
		if got := plainCell(in); got != want {
			t.Errorf("cell %q becomes %q, want %q", in, got, want)
		}
	}
}

func TestPlotScores(t *testing.T) {
	x := func(v float64) *float64 { return &v }
	p := plotScores([]Attempt{{LLR: x(8), Threshold: x(4), Decision: interaction.Authenticated}, {LLR: x(-5), Decision: interaction.NotAuthenticated}, {Decision: interaction.NotEnrolled}})
	if p.Accepted != 1 || p.Refused != 1 || p.Low > -5 || p.High < 8 || !(p.At > 0 && p.At < 100) {
		t.Errorf("plot %+v", p)
	}
	n := 0
	for _, b := range p.Bars {
		n += b.NAccepted + b.NRefused
	}
	if n != 2 {
		t.Errorf("%d scores in the bars, want 2", n)
	}
	if p := plotScores([]Attempt{{Decision: interaction.OptedOut}}); len(p.Bars) != 0 {
		t.Errorf("bars without a score: %+v", p)
	}
}

func TestLanguageOfARequest(t *testing.T) {
	for accept, want := range map[string]string{"": "en", "de": "en", "pl-PL,pl;q=0.9": "pl", "de,pl;q=0.5": "pl", "en-GB": "en"} {
		r, err := http.NewRequest(http.MethodGet, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Language", accept)
		if got := language(r); got != want {
			t.Errorf("%q gets %q, want %q", accept, got, want)
		}
	}
}

// oneFile is a catalogue.tsv alone.
func oneFile(text string) fs.FS { return fstest.MapFS{"catalogue.tsv": {Data: []byte(text)}} }

func TestCountsAreWrittenWithoutDecimals(t *testing.T) {
	for _, c := range []struct {
		lang string
		v    float64
		want string
	}{{"en", 1, "1"}, {"en", 0, "0"}, {"en", 4.928, "4.9"}, {"pl", 4.928, "4,9"}, {"pl", 12, "12"}, {"en", 0.04, "0.0"}} {
		if got := figure(c.lang, c.v); got != c.want {
			t.Errorf("%g in %s: %q, want %q", c.v, c.lang, got, c.want)
		}
	}
}
