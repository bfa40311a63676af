package server

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/events"
	"github.com/timbre-voice/timbre/server/events/rules"
	"github.com/timbre-voice/timbre/server/policy"
)

// Config is everything that a server can be told. timbre.example.yaml says what each key means.
type Config struct {
	Addr               string          `yaml:"addr"`
	TLS                TLSConfig       `yaml:"tls"`
	AudioSocketAddr    string          `yaml:"audiosocket_addr"`
	DB                 string          `yaml:"db"`
	DataDir            string          `yaml:"data_dir"`
	KeyFile            string          `yaml:"key_file"`
	EndpointKeyFile    string          `yaml:"endpoint_key_file"`
	Tenant             string          `yaml:"tenant"`
	NATS               NATSConfig      `yaml:"nats"`
	Limits             LimitsConfig    `yaml:"limits"`
	Policy             policy.Config   `yaml:"policy"`
	Rules              []rules.Rule    `yaml:"rules"`
	Webhooks           []WebhookConfig `yaml:"webhooks"`
	WebhookLoopback    bool            `yaml:"webhook_loopback"`
	Origins            []string        `yaml:"origins"`
	RecordingHosts     []string        `yaml:"recording_hosts"`
	Checkpoint         time.Duration   `yaml:"checkpoint"`
	ShutdownTimeout    time.Duration   `yaml:"shutdown_timeout"`
	EmotionModel       string          `yaml:"emotion_model"`
	AcceptModelLicense bool            `yaml:"accept_model_license"`
	Log                LogConfig       `yaml:"log"`
}

// TLSConfig names the certificate of a server that is reached directly.
type TLSConfig struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// NATSConfig says where events and deliveries go.
type NATSConfig struct {
	URL      string `yaml:"url"`
	Replicas int    `yaml:"replicas"`
}

// LimitsConfig bounds what the server takes on.
type LimitsConfig struct {
	Calls            int           `yaml:"calls"`
	Lag              time.Duration `yaml:"lag"`
	UploadMB         int           `yaml:"upload_mb"`
	UploadWorkers    int           `yaml:"upload_workers"`
	KeyPerSecond     float64       `yaml:"key_per_second"`
	KeyBurst         int           `yaml:"key_burst"`
	AddressPerSecond float64       `yaml:"address_per_second"`
	AddressBurst     int           `yaml:"address_burst"`
	Subscribers      int           `yaml:"subscribers"`
	SubscriberEvents int           `yaml:"subscriber_events"`
	Request          time.Duration `yaml:"request"`
}

// WebhookConfig is one receiver of deliveries.
type WebhookConfig struct {
	ID      string                  `yaml:"id"`
	Tenant  string                  `yaml:"tenant"`
	URL     string                  `yaml:"url"`
	Secrets []string                `yaml:"secrets"`
	Events  []interaction.EventKind `yaml:"events"`
}

// LogConfig says what is logged and how.
type LogConfig struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// DefaultConfig returns the configuration of a server that nobody told anything.
func DefaultConfig() Config {
	return Config{
		Addr: "127.0.0.1:8080", DataDir: "timbre-data", Tenant: "default", NATS: NATSConfig{Replicas: 1},
		Limits: LimitsConfig{
			Calls: 2000, Lag: 500 * time.Millisecond, UploadMB: 1024, UploadWorkers: 1, KeyPerSecond: 100, KeyBurst: 200, AddressPerSecond: 200, AddressBurst: 400,
			Subscribers: 1000, SubscriberEvents: 512, Request: 15 * time.Second,
		},
		Policy:     policy.Default(),
		Checkpoint: 4 * time.Second, ShutdownTimeout: 30 * time.Second, Log: LogConfig{Level: "info", Format: "text"},
	}
}

//go:embed timbre.example.yaml
var example []byte

// ExampleConfig returns a configuration file with every key at its default and what it means, a copy that the caller may keep. Its
// last section is the example of package policy.
func ExampleConfig() []byte { return slices.Concat(example, []byte("\n"), policy.Example()) }

// ParseConfig lays a YAML text over the default. An unknown key is an error. A value of db, nats.url and of a webhook's secrets that
// begins with env: is looked up with lookup, so that no secret need stand in the file. The result is not validated yet, since
// flags may still be laid over it.
func ParseConfig(text []byte, lookup func(string) (string, bool)) (Config, error) {
	c := DefaultConfig()
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, fmt.Errorf("server: configuration: %w", err)
	}
	if reflect.DeepEqual(c, Config{}) { // the decoder empties what a text of nothing but comments is laid over
		c = DefaultConfig()
	}
	secrets := []*string{&c.DB, &c.NATS.URL}
	for i := range c.Webhooks {
		for j := range c.Webhooks[i].Secrets {
			secrets = append(secrets, &c.Webhooks[i].Secrets[j])
		}
	}
	for _, s := range secrets {
		name, ok := strings.CutPrefix(*s, "env:")
		if !ok {
			continue
		}
		value, ok := lookup(name)
		if !ok {
			return Config{}, fmt.Errorf("server: configuration: environment variable %s: not set", name)
		}
		*s = value
	}
	return c, nil
}

// Database returns where the store is: what store.Open takes.
func (c *Config) Database() string {
	if c.DB == "" {
		return filepath.Join(c.DataDir, "timbre.db")
	}
	return c.DB
}

// Keys returns where the file of the tenants' keys is.
func (c *Config) Keys() string {
	if c.KeyFile == "" {
		return filepath.Join(c.DataDir, "keys.json")
	}
	return c.KeyFile
}

// audioDir returns where recordings are kept that the policy keeps.
func (c *Config) audioDir() string { return filepath.Join(c.DataDir, "audio") }

// boxFile returns where the key of sealed secrets is.
func (c *Config) boxFile() string {
	if c.EndpointKeyFile == "" {
		return filepath.Join(c.DataDir, "endpoints.key")
	}
	return c.EndpointKeyFile
}

func (c *Config) webhooks() events.StaticWebhooks {
	var out events.StaticWebhooks
	for _, w := range c.Webhooks {
		tenant := w.Tenant
		if tenant == "" {
			tenant = c.Tenant
		}
		out = append(out, events.Webhook{ID: w.ID, Tenant: tenant, URL: w.URL, Secrets: w.Secrets, Kinds: w.Events, Local: true})
	}
	return out
}

// Loopback reports whether everything that the server listens on is reached from this machine alone.
func (c *Config) Loopback() bool {
	return loopback(c.Addr) && (c.AudioSocketAddr == "" || loopback(c.AudioSocketAddr))
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// level returns the log level.
func (c *Config) level() (slog.Level, error) {
	var l slog.Level
	err := l.UnmarshalText([]byte(c.Log.Level))
	return l, err
}

// Validate lists everything that is wrong with c.
func (c *Config) Validate() error {
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("server: configuration: "+format, args...))
	}
	for _, a := range []struct{ key, addr string }{{"addr", c.Addr}, {"audiosocket_addr", c.AudioSocketAddr}} {
		if _, _, err := net.SplitHostPort(a.addr); err != nil && (a.key == "addr" || a.addr != "") {
			fail("%s: %q, want host:port", a.key, a.addr)
		}
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		fail("tls: cert_file %q and key_file %q, want both or neither", c.TLS.CertFile, c.TLS.KeyFile)
	}
	if c.DataDir == "" {
		fail("data_dir: empty, want a folder")
	}
	if c.Tenant == "" {
		fail("tenant: empty, want the name of the tenant that requests without a key act for")
	}
	if c.NATS.Replicas < 1 || c.NATS.Replicas > 5 {
		fail("nats.replicas: %d, want 1 to 5", c.NATS.Replicas)
	}
	l := c.Limits
	for _, n := range []struct {
		key   string
		value float64
		most  float64
	}{
		{"calls", float64(l.Calls), 1e6}, {"upload_mb", float64(l.UploadMB), 1e5}, {"upload_workers", float64(l.UploadWorkers), 256},
		{"key_per_second", l.KeyPerSecond, 1e6}, {"key_burst", float64(l.KeyBurst), 1e6}, {"address_per_second", l.AddressPerSecond, 1e6},
		{"address_burst", float64(l.AddressBurst), 1e6}, {"subscribers", float64(l.Subscribers), 1e6}, {"subscriber_events", float64(l.SubscriberEvents), 1e6},
	} {
		if !(n.value > 0 && n.value <= n.most) {
			fail("limits.%s: %g, want above 0 and at most %g", n.key, n.value, n.most)
		}
	}
	for _, d := range []struct {
		key         string
		value       time.Duration
		least, most time.Duration
	}{
		{"limits.lag", l.Lag, 0, time.Minute}, {"limits.request", l.Request, time.Second, 10 * time.Minute}, {"checkpoint", c.Checkpoint, time.Second, 10 * time.Minute},
		{"shutdown_timeout", c.ShutdownTimeout, time.Second, time.Hour},
	} {
		if d.value < d.least || d.value > d.most {
			fail("%s: %s, want %s to %s", d.key, d.value, d.least, d.most)
		}
	}
	seen := map[[2]string]bool{}
	for _, w := range c.webhooks() {
		if seen[[2]string{w.Tenant, w.ID}] {
			fail("webhooks: id %q of tenant %q: taken, want one of its own", w.ID, w.Tenant)
		}
		seen[[2]string{w.Tenant, w.ID}] = true
		errs = append(errs, w.Validate())
	}
	if _, err := c.level(); err != nil {
		fail("log.level: %q, want debug, info, warn or error", c.Log.Level)
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		fail("log.format: %q, want text or json", c.Log.Format)
	}
	return errors.Join(append(errs, rules.Set{Rules: c.Rules}.Validate(), c.Policy.Validate())...)
}

// Logger returns the logger that c asks for. c must be valid.
func (c *Config) Logger(w io.Writer) *slog.Logger {
	level, _ := c.level() // Validate holds that it is one
	o := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
