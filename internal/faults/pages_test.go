package faults

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/server/store"
)

// session logs a new user of a tenant in, with every role, and returns the cookie.
func session(t *testing.T, db, tenant string) string {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{DSN: db, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	u, err := st.Tenant(tenant).SaveUser(t.Context(), store.User{Login: "user-of-" + tenant, Roles: store.Roles()})
	if err != nil {
		t.Fatal(err)
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	hash := sha256.Sum256(secret)
	if err := st.Tenant(tenant).AddSession(t.Context(), store.Session{Hash: hash[:], UserID: u.ID, ExpiresAt: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(secret)
}

// page asks for a page of the console as who holds a cookie; form is posted where it is not nil.
func (n *node) page(cookie, path string, form url.Values) (int, string, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		secret, _ := base64.RawURLEncoding.DecodeString(cookie) // our own
		m := hmac.New(sha256.New, secret)
		m.Write([]byte("timbre.csrf/1"))
		form.Set("csrf", base64.RawURLEncoding.EncodeToString(m.Sum(nil)))
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(n.t.Context(), method, "http://"+n.addr+path, body)
	if err != nil {
		return 0, "", err
	}
	req.AddCookie(&http.Cookie{Name: "timbre_session", Value: cookie})
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	return r.StatusCode, string(b), err
}

var (
	links = regexp.MustCompile(`(?:href|src|hx-get|data-src|data-url|data-audio|data-peaks)="(/[^"#]*)"`)
	forms = regexp.MustCompile(`(?:action|hx-post)="(/[^"#]*)"`)
)

// crawl follows the console's links as the owner and returns the pages, those with hidden words, and where its forms lead.
func (n *node) crawl(t *testing.T, cookie string) (pages, telling, actions []string) {
	t.Helper()
	queue := []string{"/", "/calls", "/live", "/live/calls", "/quality", "/mine", "/identity", "/identity/attempts", "/identity/people", "/identity/audit", "/customers", "/admin", "/admin/rules", "/admin/people", "/admin/system"}
	for len(queue) > 0 && len(pages) < 300 {
		path := queue[0]
		queue = queue[1:]
		if slices.Contains(pages, path) || strings.HasPrefix(path, "/static/") || strings.HasPrefix(path, "/live/events") {
			continue
		}
		status, body, err := n.page(cookie, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, path)
		if status != http.StatusOK {
			continue
		}
		if strings.Contains(body, hidden) || strings.HasSuffix(path, "/audio") {
			telling = append(telling, path)
		}
		for _, m := range links.FindAllStringSubmatch(body, -1) {
			queue = append(queue, html.UnescapeString(m[1]))
		}
		for _, m := range forms.FindAllStringSubmatch(body, -1) {
			if to := html.UnescapeString(m[1]); !slices.Contains(actions, to) && to != "/logout" && to != "/language" && to != "/login" {
				actions = append(actions, to)
			}
		}
	}
	return pages, telling, actions
}

// pages asks for pages of the console that tenant a can reach as a user of tenant b, and posts to its forms.
func (a *owner) pages(cookieB string, pages, telling, actions []string) {
	a.t.Helper()
	if len(telling) < 5 || len(actions) < 3 {
		a.t.Errorf("the owner finds its words on %d pages of %d, and %d forms, want 5 and 3: the sweep shows nothing", len(telling), len(pages), len(actions))
	}
	tried, apart := 0, 0
	check := func(path string, status int, body string, err error, leak bool) {
		tried++
		switch {
		case err != nil:
			a.t.Errorf("page %s: %v", path, err)
		case strings.Contains(body, hidden) || leak:
			a.t.Errorf("page %s tells tenant b: status %d: %.200s", path, status, body)
		case status >= 500:
			a.t.Errorf("page %s: status %d", path, status)
		default:
			apart++
		}
	}
	for _, path := range pages {
		status, body, err := a.n.page(cookieB, path, nil)
		// Sound has no words: it must not be there.
		check(path, status, body, err, status == http.StatusOK && (strings.HasSuffix(path, "/audio") || strings.HasSuffix(path, "/peaks")))
	}
	for _, path := range actions {
		status, body, err := a.n.page(cookieB, path, url.Values{"text": {"x"}, "label": {"angry"}, "to": {"x"}, "owner": {"x"}, "state": {"done"}, "decision": {"approve"}, "name": {"x"}, "login": {"x"}, "speaker": {mark}, "id": a.ids})
		check("form "+path, status, body, err, false)
	}
	report(a.t, row{"tenant isolation: the console's pages and forms as the other tenant's user", tried, apart, tried - apart, "requests", fmt.Sprintf("%d pages, %d with the owner's words, %d forms", len(pages), len(telling), len(actions))})
}
