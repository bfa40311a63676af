package server

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/timbre-voice/timbre/server/policy"
)

func none(string) (string, bool) { return "", false }

// TestExampleIsTheDefault holds that the documented file says what the program does.
func TestExampleIsTheDefault(t *testing.T) {
	got, err := ParseConfig(ExampleConfig(), none)
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	got.Rules, got.Webhooks, got.Origins, got.Policy.Overrides, got.RecordingHosts = nil, nil, nil, nil, nil // empty lists
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-default +example:\n%s", diff)
	}
	if err := want.Validate(); err != nil {
		t.Errorf("the default is not valid: %v", err)
	}
}

// TestEveryKeyIsDocumented holds that each key stands in the example with a comment above it or above its group.
func TestEveryKeyIsDocumented(t *testing.T) {
	lines := strings.Split(string(ExampleConfig()), "\n")
	var walk func(t2 reflect.Type, indent string)
	walk = func(t2 reflect.Type, indent string) {
		for i := range t2.NumField() {
			f := t2.Field(i)
			key := indent + f.Tag.Get("yaml") + ":"
			at := -1
			for n, l := range lines {
				if strings.HasPrefix(l, key) {
					at = n
				}
			}
			if at < 1 {
				t.Errorf("%s is not in the example", strings.TrimSpace(key))
				continue
			}
			group := f.Type.Kind() == reflect.Struct
			if f.Type == reflect.TypeFor[policy.Config]() { // its own package holds that it is documented
				continue
			}
			for at > 0 && strings.HasPrefix(lines[at-1], indent) && !strings.HasPrefix(strings.TrimSpace(lines[at-1]), "#") && lines[at-1] != "" && strings.Contains(lines[at-1], ":") && len(indent) > 0 && !strings.HasSuffix(lines[at-1], ":") {
				at--
			}
			if above := strings.TrimSpace(lines[at-1]); !group && !strings.HasPrefix(above, "#") && !strings.HasSuffix(above, ":") {
				t.Errorf("%s has no comment above it, but %q", strings.TrimSpace(key), above)
			}
			if group {
				walk(f.Type, indent+"  ")
			}
		}
	}
	walk(reflect.TypeFor[Config](), "")
}

func TestTextWithoutKeysIsTheDefault(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing but a comment\n", "---\n"} {
		c, err := ParseConfig([]byte(text), none)
		if diff := cmp.Diff(DefaultConfig(), c); err != nil || diff != "" {
			t.Errorf("%q: %v, -default +parsed:\n%s", text, err, diff)
		}
	}
}

func TestParseConfig(t *testing.T) {
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"SECRET": "a secret of some length", "DB": "postgres://u:p@h/db"}[name]
		return v, ok
	}
	c, err := ParseConfig([]byte(`
db: env:DB
webhooks: [{id: crm, url: "https://crm.example/", secrets: ["env:SECRET"], events: [alert]}]
rules: [{name: quiet, silence: {over: 20s}}]
`), env)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if w := c.webhooks(); c.DB != "postgres://u:p@h/db" || w[0].Secrets[0] != "a secret of some length" || w[0].Tenant != "default" {
		t.Errorf("%+v", c)
	}
	for name, text := range map[string]string{"unknown_key": "adress: x", "unknown_key_inside": "limits: {call: 3}", "wrong_type": "limits: {calls: many}", "missing_variable": "db: env:NOPE"} {
		if _, err := ParseConfig([]byte(text), env); err == nil || !strings.HasPrefix(err.Error(), "server: configuration: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValidateConfig(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want string
	}{
		"addr":        {"addr: nowhere", `addr: "nowhere", want host:port`},
		"audiosocket": {"audiosocket_addr: '9092'", "audiosocket_addr"},
		"half_tls":    {"tls: {cert_file: a.pem}", "want both or neither"},
		"data_dir":    {"data_dir: ''", "data_dir: empty"},
		"tenant":      {"tenant: ''", "tenant: empty"},
		"replicas":    {"nats: {replicas: 9}", "nats.replicas: 9, want 1 to 5"},
		"limit":       {"limits: {calls: 0}", "limits.calls: 0, want above 0"},
		"nan":         {"limits: {key_per_second: .nan}", "limits.key_per_second: NaN"},
		"duration":    {"shutdown_timeout: 5ms", "shutdown_timeout: 5ms, want 1s to 1h0m0s"},
		"level":       {"log: {level: loud}", `log.level: "loud"`},
		"format":      {"log: {format: xml}", `log.format: "xml"`},
		"rule":        {"rules: [{name: a}]", "0 conditions"},
		"webhook":     {"webhooks: [{id: a, url: 'ftp://h/'}]", "want http or https"},
		"twice":       {"webhooks: [{id: a}, {id: a}]", `id "a" of tenant "default": taken`},
		"policy":      {"policy: {agent_emotion: true, jurisdiction: PL}", "agent emotion is prohibited"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseConfig([]byte(c.text), none)
			if err != nil {
				t.Fatal(err)
			}
			if err := got.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestLoopback(t *testing.T) {
	for addr, want := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "localhost:1": true, "127.9.9.9:1": true, ":8080": false, "0.0.0.0:1": false, "10.0.0.1:1": false, "example.com:1": false, "[::]:1": false} {
		c := Config{Addr: addr}
		if c.Loopback() != want {
			t.Errorf("%s: loopback %v, want %v", addr, !want, want)
		}
	}
	if c := (Config{Addr: "127.0.0.1:1", AudioSocketAddr: ":9092"}); c.Loopback() {
		t.Error("an AudioSocket for everybody counts as loopback")
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add(ExampleConfig())
	f.Add([]byte("rules: [{name: a, silence: {over: 20s}}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := ParseConfig(text, none); err == nil {
			_ = c.Validate()
		}
	})
}
