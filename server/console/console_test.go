package console_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/server/console"
	"github.com/timbre-voice/timbre/server/store"
)

func TestFirstRunNeedsNoLoginUntilThereIsAUser(t *testing.T) {
	w := newWorld(t)
	owner := w.browser(t)
	owner.get("/").is(200).has("First run", "No calls yet")
	owner.get("/admin/people").is(200)
	owner.post("/admin/people", "login", "rita", "password", password, "role", "reviewer").is(422).has("nobody else is one")
	owner.post("/admin/people", "login", "rita", "password", "short", "role", "admin").is(422)
	p := owner.post("/admin/people", "login", "root", "password", password, "role", "admin").is(200)
	if p.path != "/login?next=%2Fadmin%2Fpeople" {
		t.Errorf("after the first account: %s, want the login", p.path)
	}
	if p := w.browser(t).get("/calls"); !strings.HasPrefix(p.path, "/login") {
		t.Errorf("without a login: %s, want the login", p.path)
	}
}

func TestFirstRunIsForThisMachineAlone(t *testing.T) {
	w := newWorld(t)
	b := w.browser(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+"/calls", nil)
	must(t, err)
	req.Host = "evil.example"
	if p := b.do(req); !strings.HasPrefix(p.path, "/login") {
		t.Errorf("by another name of this machine: %s, want the login", p.path)
	}
	far := newWorld(t, func(o *console.Options) { o.Loopback = false })
	if p := far.browser(t).get("/calls"); !strings.HasPrefix(p.path, "/login") {
		t.Errorf("beyond loopback: %s, want the login", p.path)
	}
}

func TestLogin(t *testing.T) {
	w := newWorld(t)
	w.person(t, "root", "")
	b := w.browser(t)
	b.login("root", "wrong password").is(401).has("do not belong together")
	b.login("nobody", password).is(401).has("do not belong together")
	if p := b.login("root", password); p.path != "/admin" {
		t.Errorf("after login: %s, want the home of an administrator", p.path)
	}
	b.get("/calls").is(403).has("Not yours to see")
	b.post("/logout").is(200)
	if p := b.get("/admin"); !strings.HasPrefix(p.path, "/login") {
		t.Errorf("after logout: %s, want the login", p.path)
	}
	t.Run("limited_after_five_failures_and_free_again", func(t *testing.T) {
		b := w.browser(t)
		for range 5 {
			b.login("root", "wrong password").is(401)
		}
		if p := b.login("root", password).is(429); p.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		w.clock.advance(2 * time.Minute)
		b.login("root", password).is(200)
	})
	t.Run("a_disabled_user_is_out_at_once", func(t *testing.T) {
		b := w.person(t, "dora", "", "reviewer")
		b.get("/calls").is(200)
		admin := w.browser(t)
		admin.login("root", password)
		admin.get("/admin/people")
		admin.post("/admin/people", "login", "dora", "role", "reviewer", "disabled", "1").is(200)
		if p := b.get("/calls"); !strings.HasPrefix(p.path, "/login") {
			t.Errorf("a disabled user gets %s, want the login", p.path)
		}
		b.login("dora", password).is(401)
	})
	t.Run("next_leads_nowhere_else", func(t *testing.T) {
		b := w.browser(t)
		b.get("/login?next=//evil.example/").is(200).hasNot("evil.example")
	})
}

func TestSessionCookieIsKeptFromScriptsAndFromPlainHTTP(t *testing.T) {
	w := newWorld(t, func(o *console.Options) { o.Loopback = false })
	p := w.browser(t).get("/login").is(200)
	for _, want := range []string{"HttpOnly", "Secure", "SameSite=Lax"} {
		if c := p.header.Get("Set-Cookie"); !strings.Contains(c, want) {
			t.Errorf("cookie %q has no %s", c, want)
		}
	}
}

func TestChangesNeedTheTokenOfOurOwnPage(t *testing.T) {
	w := newWorld(t)
	b := w.browser(t)
	b.get("/admin/people").is(200)
	good := b.csrf
	b.csrf = "AAAA"
	b.post("/admin/people", "login", "root", "password", password, "role", "admin").is(403).has("too old")
	b.csrf = good
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.server.URL+"/admin/people", strings.NewReader("csrf="+good+"&login=x"))
	must(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", "https://evil.example")
	b.do(req).is(403)
	users, err := w.tenant.Users(t.Context(), store.Page{})
	must(t, err)
	if len(users.Items) != 0 {
		t.Error("a request from elsewhere made a user")
	}
}

func TestPagesCarryAStrictPolicyAndNothingInline(t *testing.T) {
	w := newWorld(t)
	w.save(t, richCall(t, "rich"))
	b := w.browser(t)
	for _, path := range []string{"/calls", "/calls/rich", "/live", "/quality", "/mine", "/identity", "/identity/attempts", "/identity/people?speaker=x",
		"/identity/audit?check=1", "/customers", "/customers/c-4711", "/admin", "/admin/forms/standard", "/admin/forms/new", "/admin/rules", "/admin/people", "/admin/system", "/login", "/none"} {
		p := b.get(path)
		csp := p.header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'; script-src 'self';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		for _, bad := range []string{" onclick=", " style=", "javascript:", "<style", "http://", "https://"} {
			if strings.Contains(p.body, bad) {
				t.Errorf("%s: %q in the page", path, bad)
			}
		}
		if want := 200; path != "/none" && p.status != want {
			t.Errorf("%s: status %d, want %d\n%s", path, p.status, want, excerpt(p.body))
		}
		pl := p.body
		if strings.Contains(pl, "ZgotmplZ") {
			t.Errorf("%s: a value was refused by the template", path)
		}
	}
}

func TestEveryRoleOpensItsPagesAndNoOther(t *testing.T) {
	w := newWorld(t)
	w.save(t, richCall(t, "rich"))
	pages := map[string]string{"/calls": "reviewer lead supervisor security analyst", "/live": "lead supervisor", "/quality": "lead", "/mine": "agent",
		"/identity": "security", "/identity/audit": "security", "/customers": "lead analyst", "/export": "lead analyst", "/admin": "admin", "/admin/people": "admin",
		"/calls/rich": "reviewer lead supervisor security analyst", "/calls/rich/audio": "reviewer lead supervisor security"}
	for _, role := range []string{"reviewer", "lead", "agent", "supervisor", "security", "analyst", "admin"} {
		t.Run(role, func(t *testing.T) {
			b := w.person(t, "p-"+role, "a-other", role)
			for path, who := range pages {
				want := 403
				if strings.Contains(who, role) {
					want = 200
				}
				if p := b.get(path); p.status != want {
					t.Errorf("%s: status %d, want %d", path, p.status, want)
				}
			}
		})
	}
}

func TestAnotherTenantsCallIsNotFound(t *testing.T) {
	w := newWorld(t)
	r := richCall(t, "theirs")
	r.Contact.Tenant = "other"
	_, err := w.store.Tenant("other").SaveInteraction(t.Context(), r)
	must(t, err)
	b := w.person(t, "rita", "", "reviewer", "security")
	b.get("/calls/theirs").is(404)
	b.get("/calls/theirs/audio").is(404)
	b.get("/calls").is(200).hasNot("theirs")
}

func TestLanguage(t *testing.T) {
	w := newWorld(t)
	b := w.browser(t)
	b.get("/calls").has("Calls").hasNot("Rozmowy")
	b.post("/language", "language", "pl", "next", "/calls").is(200).has(`lang="pl"`, "Rozmowy")
	b.post("/language", "language", "xx", "next", "/calls").is(200).has(`lang="pl"`)
}

func TestStaticFilesAreKeptForGood(t *testing.T) {
	w := newWorld(t)
	p := w.browser(t).get("/calls").is(200)
	at := strings.Index(p.body, "/static/")
	path, _, _ := strings.Cut(p.body[at:], `"`)
	if f := w.browser(t).get(path).is(200); !strings.Contains(f.header.Get("Cache-Control"), "immutable") {
		t.Errorf("%s: cache %q", path, f.header.Get("Cache-Control"))
	}
	w.browser(t).get("/static/x/none.js").is(404)
}
