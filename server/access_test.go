package server

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/ingest"
	"github.com/timbre-voice/timbre/server/store"
)

// TestKeysAndTenants makes keys of two tenants and holds that neither sees the other's, and that scopes hold on every way in.
func TestKeysAndTenants(t *testing.T) {
	dir := t.TempDir()
	st, err := store.Open(t.Context(), store.Options{DSN: filepath.Join(dir, "timbre.db"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for name, k := range map[string]struct {
		tenant string
		scope  api.Scope
	}{"x": {"x", api.ScopeAdmin}, "y": {"y", api.ScopeAdmin}, "x_read": {"x", api.ScopeRead}, "x_ingest": {"x", api.ScopeIngest}} {
		made, err := NewKey(t.Context(), st, k.tenant, api.NewKey{Name: name, Scopes: []api.Scope{k.scope}})
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = made.Secret
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, "timbre.db"))
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range keys {
		if secret := key[strings.LastIndexByte(key, '_')+1:]; bytes.Contains(file, []byte(secret)) {
			t.Errorf("the secret of key %s stands in the database", name)
		}
	}
	n := run(t, config(dir))
	n.request(t, http.MethodGet, "/v1/calls", "", nil, 401, nil)
	n.request(t, http.MethodGet, "/v1/calls", keys["x_ingest"], nil, 403, nil)
	n.request(t, http.MethodGet, "/v1/calls", keys["x"]+"x", nil, 401, nil)
	n.request(t, http.MethodGet, "/metrics", "", nil, 401, nil)
	n.request(t, http.MethodGet, "/healthz", "", nil, 200, nil)
	n.request(t, http.MethodGet, "/readyz", "", nil, 200, nil)
	if _, resp, err := websocket.DefaultDialer.Dial(n.ws()+"/v1/events", nil); err == nil || resp.StatusCode != 401 {
		t.Errorf("events without a key: %v", err)
	}
	stream := func(key string) error {
		agent, customer := call(t, "short-call.wav")
		return ingest.Play(t.Context(), ingest.PlayOptions{URL: n.ws() + "/v1/stream", Dialect: "generic", Rate: 8000, Agent: agent[:16000], Customer: customer[:16000], Token: key, CallID: "K"})
	}
	if stream("") == nil || stream(keys["x_read"]) == nil {
		t.Error("a stream without the scope ingest is taken")
	}
	heardX, heardY := n.listen(t, "/v1/events", keys["x_read"]), n.listen(t, "/v1/events", keys["y"])
	if err := stream(keys["x_ingest"]); err != nil {
		t.Fatal(err)
	}
	id := next(t, heardX, of(interaction.EventSessionEnded)).CallID
	n.request(t, http.MethodGet, "/v1/interactions/"+id, keys["x_read"], nil, 200, nil)
	n.request(t, http.MethodGet, "/v1/interactions/"+id, keys["y"], nil, 404, nil)
	if err := stream(keys["y"]); err != nil {
		t.Fatal(err)
	}
	if e := next(t, heardY, func(interaction.Event) bool { return true }); e.Tenant != "y" {
		t.Errorf("tenant y hears first of tenant %s", e.Tenant)
	}
	var list api.List[api.Key]
	n.request(t, http.MethodGet, "/v1/keys", keys["x"], nil, 200, &list)
	if len(list.Items) != 3 {
		t.Fatalf("tenant x has %d keys, want 3", len(list.Items))
	}
	at := slices.IndexFunc(list.Items, func(k api.Key) bool { return k.Name == "x_read" })
	n.request(t, http.MethodDelete, "/v1/keys/"+list.Items[at].ID, keys["y"], nil, 404, nil)
	n.request(t, http.MethodDelete, "/v1/keys/"+list.Items[at].ID, keys["x"], nil, 204, nil)
	n.request(t, http.MethodGet, "/v1/calls", keys["x_read"], nil, 401, nil)
}

// TestEndpointSecretsAreSealed saves a platform's secret and streams by it.
func TestEndpointSecretsAreSealed(t *testing.T) {
	dir := t.TempDir()
	n := run(t, config(dir))
	const token = "a token that nobody may read"
	n.request(t, http.MethodPut, "/v1/endpoints", "", strings.NewReader(`{"dialect": "freeswitch", "name": "eu", "token": "`+token+`", "roles": {"0": "boss"}}`), 422, nil)
	n.request(t, http.MethodPut, "/v1/endpoints", "", strings.NewReader(`{"dialect": "freeswitch", "name": "eu", "token": "`+token+`"}`), 204, nil)
	var list string
	n.request(t, http.MethodGet, "/v1/endpoints", "", nil, 200, &list)
	if !strings.Contains(list, `"eu"`) || strings.Contains(list, token) {
		t.Errorf("endpoints: %s", list)
	}
	agent, customer := call(t, "short-call.wav")
	for key, ok := range map[string]bool{token: true, "wrong": false} {
		err := ingest.Play(t.Context(), ingest.PlayOptions{
			URL: n.ws() + "/v1/ingest/freeswitch/eu", Dialect: "freeswitch", Rate: 8000, Agent: agent[:16000], Customer: customer[:16000], Token: key,
		})
		if (err == nil) != ok {
			t.Errorf("token %q: %v", key, err)
		}
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "timbre.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		if bytes.Contains(testkit.Read(t, f), []byte(token)) {
			t.Errorf("%s holds the token in clear", f)
		}
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "endpoints.key")
	a, err := openBox(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := openBox(path) // the same key
	if err != nil {
		t.Fatal(err)
	}
	sealed := a.seal([]byte("secret"), []byte("row 1"))
	if plain, err := b.open(sealed, []byte("row 1")); err != nil || string(plain) != "secret" {
		t.Errorf("open: %q, %v", plain, err)
	}
	if _, err := b.open(sealed, []byte("row 2")); !errors.Is(err, errSealed) {
		t.Errorf("in another row: %v, want errSealed", err)
	}
	for _, cut := range [][]byte{nil, sealed[:5], sealed[:len(sealed)-1]} {
		if _, err := b.open(cut, []byte("row 1")); !errors.Is(err, errSealed) {
			t.Errorf("%d bytes of it: %v, want errSealed", len(cut), err)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := openBox(path); err == nil || !strings.Contains(err.Error(), "want 0600") {
		t.Errorf("a key that others may read: %v", err)
	}
	if err := errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, []byte("no key"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := openBox(path); err == nil || !strings.Contains(err.Error(), "64 hex digits") {
		t.Errorf("a damaged key: %v", err)
	}
}
