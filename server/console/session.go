package console

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/timbre-voice/timbre/internal/loopback"
)

// Login finds out who somebody is. Passwords of the store are one way; single sign-on would be another.
type Login interface {
	// Login returns the user of a login and password, or ErrNotFound where they do not belong together or the user is disabled. It
	// takes the same time for an unknown login as for a wrong password.
	Login(ctx context.Context, t Accounts, login, password string) (User, error)
}

// passwords is the Login of users whose password the store keeps as a hash.
type passwords struct{ hashing hashing }

func (p passwords) Login(ctx context.Context, t Accounts, login, password string) (User, error) {
	u, err := t.UserByLogin(ctx, login)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return User{}, err
	}
	same, err := p.hashing.matches(ctx, password, u.PasswordHash)
	if err != nil {
		return User{}, err
	}
	if !same || u.Disabled {
		return User{}, ErrNotFound
	}
	return u, nil
}

const (
	sessionCookie = "timbre_session" // whose login this is
	browserCookie = "timbre_browser" // which browser this is, before a login: for CSRF tokens alone
	secretSize    = 32
	sessionLength = 12 * time.Hour
)

// cookie returns a cookie that scripts cannot read and other sites' requests do not carry. Beyond loopback it travels over TLS
// alone.
func (c *Console) cookie(name, value string, life time.Duration) *http.Cookie {
	k := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: !c.opts.Loopback, MaxAge: int(life / time.Second)}
	if life < 0 {
		k.MaxAge = -1
	}
	return k
}

func secretOf(r *http.Request, name string) []byte {
	k, err := r.Cookie(name)
	if err != nil {
		return nil
	}
	secret, err := base64.RawURLEncoding.DecodeString(k.Value)
	if err != nil || len(secret) != secretSize {
		return nil
	}
	return secret
}

func newSecret() ([]byte, string) {
	secret := make([]byte, secretSize)
	rand.Read(secret) // never fails: it ends the process instead
	return secret, base64.RawURLEncoding.EncodeToString(secret)
}

// token is the CSRF token of a browser: only a page that we gave to the browser that holds the secret can name it.
func token(secret []byte) string {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("timbre.csrf/1"))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// visitor finds out who asks; nil: nobody who is let in. It sets the browser's cookie where there is none.
func (c *Console) visitor(w http.ResponseWriter, r *http.Request) (*Visitor, error) {
	if secret := secretOf(r, sessionCookie); secret != nil {
		hash := sha256.Sum256(secret)
		tenant, u, err := c.opts.Store.SessionUser(r.Context(), hash[:])
		switch {
		case err == nil:
			return &Visitor{Tenant: tenant, User: u, secret: secret}, nil
		case !errors.Is(err, ErrNotFound):
			return nil, err
		}
	}
	if !c.opts.Loopback || !ownMachine(r) {
		return nil, nil
	}
	users, err := c.opts.Store.Tenant(c.opts.Tenant).Users(r.Context())
	if err != nil || len(users) > 0 {
		return nil, err
	}
	return &Visitor{Tenant: c.opts.Tenant, User: User{Login: "owner", DisplayName: "owner", Roles: roles}, Owner: true, secret: c.browser(w, r)}, nil
}

// browser returns the secret of a browser that has not logged in, which it gets where it has none.
func (c *Console) browser(w http.ResponseWriter, r *http.Request) []byte {
	if secret := secretOf(r, browserCookie); secret != nil {
		return secret
	}
	secret, text := newSecret()
	http.SetCookie(w, c.cookie(browserCookie, text, 30*24*time.Hour))
	return secret
}

// ownMachine reports whether a request comes from this machine to one of its own names: a page elsewhere may point its own name here.
func ownMachine(r *http.Request) bool {
	return loopback.Peer(r.RemoteAddr) && loopback.Host(r.Host)
}

// sameSite reports whether a request that changes something comes from a page of ours: it carries the browser's token, and no
// header says otherwise.
func sameSite(r *http.Request, secret []byte) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		if u, err := url.Parse(origin); err != nil || !strings.EqualFold(u.Host, r.Host) {
			return false
		}
	}
	given := r.Header.Get("X-CSRF-Token")
	if given == "" {
		given = r.PostFormValue("csrf")
	}
	return len(secret) == secretSize && hmac.Equal([]byte(given), []byte(token(secret)))
}

// loginPage shows the form. A visitor who is let in already goes home.
func (c *Console) loginPage(w http.ResponseWriter, r *http.Request) {
	v, err := c.visitor(w, r)
	if err != nil {
		c.fail(w, r, nil, err)
		return
	}
	if v != nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	c.showLogin(w, r, http.StatusOK, "", "")
}

type loginView struct {
	Login, Next, Tenant string
	Problem             string // key of the catalogue
}

func (c *Console) showLogin(w http.ResponseWriter, r *http.Request, status int, login, problem string) {
	v := &Visitor{Tenant: c.opts.Tenant, secret: c.browser(w, r)}
	c.render(w, r, v, status, "login", page{Title: "login.title", Bare: true, Data: loginView{Login: login, Next: localPath(r.FormValue("next")), Tenant: r.FormValue("tenant"), Problem: problem}})
}

// localPath returns a path of ours to go on to: "/" for anything else.
func localPath(p string) string {
	if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.ContainsAny(p, "\\\r\n") {
		return "/"
	}
	return p
}

// login lets somebody in.
func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	if !sameSite(r, secretOf(r, browserCookie)) {
		c.showLogin(w, r, http.StatusForbidden, "", "login.stale")
		return
	}
	login, address := strings.TrimSpace(r.PostFormValue("login")), remoteOf(r)
	tenant := r.PostFormValue("tenant")
	if tenant == "" {
		tenant = c.opts.Tenant
	}
	byLogin, byAddress := "login "+tenant+"/"+login, "address "+address
	if wait := max(c.loginRate.wait(byLogin), c.addressRate.wait(byAddress)); wait > 0 {
		w.Header().Set("Retry-After", seconds(wait))
		c.showLogin(w, r, http.StatusTooManyRequests, login, "login.limited")
		return
	}
	t := c.opts.Store.Tenant(tenant)
	u, err := c.opts.Login.Login(r.Context(), t, login, r.PostFormValue("password"))
	if errors.Is(err, ErrNotFound) {
		c.loginRate.failed(byLogin)
		c.addressRate.failed(byAddress)
		c.log.Info("console: login refused", "tenant", tenant, "address", address)
		c.showLogin(w, r, http.StatusUnauthorized, login, "login.wrong")
		return
	}
	if err != nil {
		c.fail(w, r, nil, err)
		return
	}
	c.loginRate.forget(byLogin)
	secret, text := newSecret()
	hash := sha256.Sum256(secret)
	if err := t.AddSession(r.Context(), Session{Hash: hash[:], UserID: u.ID, ExpiresAt: c.opts.Now().Add(sessionLength)}); err != nil {
		c.fail(w, r, nil, err)
		return
	}
	if err := t.AppendAudit(r.Context(), AuditEntry{Actor: u.Login, Action: "login", Subject: u.Login}); err != nil {
		c.fail(w, r, nil, err)
		return
	}
	http.SetCookie(w, c.cookie(sessionCookie, text, sessionLength))
	http.Redirect(w, r, localPath(r.PostFormValue("next")), http.StatusSeeOther)
}

// logout ends the session.
func (c *Console) logout(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	hash := sha256.Sum256(v.secret)
	if !v.Owner {
		if err := c.opts.Store.Tenant(v.Tenant).EndSession(r.Context(), hash[:]); err != nil {
			return err
		}
		http.SetCookie(w, c.cookie(sessionCookie, "", -1))
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}

func remoteOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
