package console_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/console"
	"github.com/timbre-voice/timbre/server/console/backing"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/store"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(time.Millisecond)
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// world is a console over a real store behind a real server.
type world struct {
	dsn    string
	store  *store.Store
	tenant *store.Tenant
	server *httptest.Server
	clock  *clock
}

// newWorld starts a console whose options change may alter.
func newWorld(tb testing.TB, change ...func(*console.Options)) *world {
	tb.Helper()
	dir := tb.TempDir()
	w := &world{dsn: filepath.Join(dir, "timbre.db"), clock: &clock{t: noon}}
	var err error
	if w.store, err = store.Open(tb.Context(), store.Options{DSN: w.dsn, Now: w.clock.now}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			tb.Error(err)
		}
	})
	for _, id := range []string{"default", "other"} {
		must(tb, w.store.EnsureTenant(tb.Context(), id, id))
	}
	w.tenant = w.store.Tenant("default")
	must(tb, os.MkdirAll(filepath.Join(dir, "audio", "default"), 0o700))
	must(tb, os.WriteFile(filepath.Join(dir, "audio", "default", "sample-call.wav"), testkit.Read(tb, testkit.Testdata(tb, "calls", "sample-call.wav")), 0o600))
	o := console.Options{Store: backing.New(w.store, backing.Options{Decide: newDecider(tb, w)}), Loopback: true, Now: w.clock.now,
		Audio: backing.NewAudio(backing.AudioOptions{Dir: filepath.Join(dir, "audio")})}
	for _, c := range change {
		c(&o)
	}
	h, err := console.New(o)
	must(tb, err)
	w.server = httptest.NewServer(h)
	tb.Cleanup(w.server.Close)
	return w
}

// decider is the registry of the world's tenants.
type decider struct {
	w    *world
	keys *identity.KeyFile
}

func newDecider(tb testing.TB, w *world) decider {
	tb.Helper()
	keys, err := identity.CreateKeyFile(filepath.Join(tb.TempDir(), "keys.json"), "default")
	must(tb, err)
	return decider{w, keys}
}

func (d decider) of(tenant string) *identity.Registry {
	return identity.NewRegistry(d.w.store.Tenant(tenant), d.keys, d.w.clock.now)
}

func (d decider) Approve(ctx context.Context, tenant, by, print string) error {
	return d.of(tenant).Approve(ctx, by, print, identity.DefaultRules())
}

func (d decider) Reject(ctx context.Context, tenant, by, print string) error {
	return d.of(tenant).Reject(ctx, by, print)
}

func (d decider) Unlock(ctx context.Context, tenant, by, speaker string) error {
	return d.of(tenant).Unlock(ctx, by, speaker)
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func (w *world) save(tb testing.TB, r *interaction.Interaction) {
	tb.Helper()
	if _, err := w.tenant.SaveInteraction(tb.Context(), r); err != nil {
		tb.Fatal(err)
	}
}

const password = "correct horse battery"

// passwordHash is password as the console keeps it, made once: it is meant to take its time.
var passwordHash = sync.OnceValue(func() string { return console.HashPassword(password) })

// person makes an account, beside one of an administrator, and returns a browser that has logged in with it.
func (w *world) person(tb testing.TB, login string, agent string, roles ...string) *browser {
	tb.Helper()
	if login == "root" {
		roles = []string{"admin"}
	} else if _, err := w.tenant.UserByLogin(tb.Context(), "root"); err != nil {
		w.account(tb, "root", "", "admin")
	}
	w.account(tb, login, agent, roles...)
	b := w.browser(tb)
	b.login(login, password)
	return b
}

func (w *world) account(tb testing.TB, login, agent string, roles ...string) {
	tb.Helper()
	_, err := w.tenant.SaveUser(tb.Context(), store.User{Login: login, DisplayName: strings.ToUpper(login[:1]) + login[1:], PasswordHash: passwordHash(), Roles: roles, AgentID: agent})
	must(tb, err)
}

// browser is a person's browser without scripts: cookies, and the token of the last page.
type browser struct {
	tb     testing.TB
	base   string
	client *http.Client
	csrf   string
}

func (w *world) browser(tb testing.TB) *browser {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	must(tb, err)
	return &browser{tb: tb, base: w.server.URL, client: &http.Client{Jar: jar, Transport: w.server.Client().Transport}}
}

// page is what came back.
type page struct {
	tb     testing.TB
	path   string
	status int
	header http.Header
	body   string
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

func (b *browser) do(req *http.Request) page {
	b.tb.Helper()
	resp, err := b.client.Do(req)
	must(b.tb, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(b.tb, err)
	if m := csrfField.FindSubmatch(body); m != nil {
		b.csrf = string(m[1])
	}
	return page{b.tb, resp.Request.URL.RequestURI(), resp.StatusCode, resp.Header, string(body)}
}

func (b *browser) get(path string) page {
	b.tb.Helper()
	req, err := http.NewRequestWithContext(b.tb.Context(), http.MethodGet, b.base+path, nil)
	must(b.tb, err)
	return b.do(req)
}

// post sends a form of pairs with the token.
func (b *browser) post(path string, pairs ...string) page {
	b.tb.Helper()
	form := url.Values{"csrf": {b.csrf}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequestWithContext(b.tb.Context(), http.MethodPost, b.base+path, strings.NewReader(form.Encode()))
	must(b.tb, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(req)
}

func (b *browser) login(name, password string) page {
	b.tb.Helper()
	b.get("/login")
	p := b.post("/login", "login", name, "password", password)
	b.get("/")
	return p
}

func (p page) is(status int) page {
	p.tb.Helper()
	if p.status != status {
		p.tb.Fatalf("%s: status %d, want %d\n%s", p.path, p.status, status, excerpt(p.body))
	}
	return p
}

func (p page) has(texts ...string) page {
	p.tb.Helper()
	for _, t := range texts {
		if !strings.Contains(p.body, t) {
			p.tb.Errorf("%s: no %q in the page\n%s", p.path, t, excerpt(p.body))
		}
	}
	return p
}

func (p page) hasNot(texts ...string) page {
	p.tb.Helper()
	for _, t := range texts {
		if strings.Contains(p.body, t) {
			p.tb.Errorf("%s: %q in the page", p.path, t)
		}
	}
	return p
}

func excerpt(body string) string {
	if i := strings.Index(body, "<main"); i > 0 {
		body = body[i:]
	}
	return fmt.Sprintf("%.1500s", body)
}

// get returns a stored record.
func (w *world) get(tb testing.TB, id string) *interaction.Interaction {
	tb.Helper()
	r, err := w.tenant.Interaction(tb.Context(), id)
	must(tb, err)
	return r
}

// audited reports whether the log says that somebody did something.
func (w *world) audited(tb testing.TB, action, actor, subject string) bool {
	tb.Helper()
	log, err := w.tenant.Audit(tb.Context(), "", store.Page{Limit: 1000})
	must(tb, err)
	for _, e := range log.Items {
		if e.Action == action && e.Actor == actor && e.Subject == subject {
			return true
		}
	}
	return false
}
