package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/loopback"
)

// Webhook is one receiver of deliveries, named by whoever administers the server.
type Webhook struct {
	ID      string // its own among the tenant's
	Tenant  string
	URL     string                  // http or https, without user and password
	Secrets []string                // one, or two while one replaces the other; each of at least 16 bytes
	Kinds   []interaction.EventKind // of events; empty: all that are delivered
	Local   bool                    // may be on this machine: whoever named it runs the server, and not only a tenant's account
}

// Validate lists everything that is wrong with w.
func (w Webhook) Validate() error {
	var errs []error
	if w.ID == "" || w.Tenant == "" {
		errs = append(errs, fmt.Errorf("events: webhook: id %q of tenant %q, want both", w.ID, w.Tenant))
	}
	u, err := url.Parse(w.URL)
	switch {
	case err != nil:
		errs = append(errs, fmt.Errorf("events: webhook %s: %w", w.ID, err))
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		errs = append(errs, fmt.Errorf("events: webhook %s: url: scheme %q, host %q, want http or https and a host", w.ID, u.Scheme, u.Host))
	case u.User != nil:
		errs = append(errs, fmt.Errorf("events: webhook %s: url: holds a user, want none: what authenticates a delivery is its signature", w.ID))
	}
	if n := len(w.Secrets); n < 1 || n > 2 {
		errs = append(errs, fmt.Errorf("events: webhook %s: %d secrets, want 1 or 2", w.ID, n))
	}
	for _, s := range w.Secrets {
		if len(s) < 16 {
			errs = append(errs, fmt.Errorf("events: webhook %s: secret of %d bytes, want at least 16", w.ID, len(s)))
		}
	}
	if err == nil && !w.Local {
		if loopback.Host(u.Hostname()) {
			errs = append(errs, fmt.Errorf("events: webhook %s: url: host %s is of this machine, want another", w.ID, u.Hostname()))
		} else if a, err := netip.ParseAddr(u.Hostname()); err == nil {
			if err := refuse(a, false); err != nil {
				errs = append(errs, err)
			}
		}
	}
	for _, k := range w.Kinds {
		if !slices.Contains(delivered, k) {
			errs = append(errs, fmt.Errorf("events: webhook %s: kind %q, want one of %v", w.ID, k, delivered))
		}
	}
	return errors.Join(errs...)
}

// delivered is what webhooks can carry. Read only.
var delivered = []interaction.EventKind{interaction.EventSummary, interaction.EventAlert}

// Webhooks finds the receivers of a tenant.
type Webhooks interface {
	Webhooks(ctx context.Context, tenant string) ([]Webhook, error)
}

// StaticWebhooks is a fixed list of receivers.
type StaticWebhooks []Webhook

// Webhooks returns those of a tenant.
func (s StaticWebhooks) Webhooks(_ context.Context, tenant string) ([]Webhook, error) {
	var out []Webhook
	for _, w := range s {
		if w.Tenant == tenant {
			out = append(out, w)
		}
	}
	return out, nil
}

// Delivery is the body of a queued task: which receiver gets what. The secret is looked up when it is sent, and never queued; so is
// what the event tells of a person.
type Delivery struct {
	Tenant  string                `json:"tenant"`
	Webhook string                `json:"webhook"`
	Kind    interaction.EventKind `json:"kind"`
	Body    json.RawMessage       `json:"body"`
}

// ReadDelivery reads the body of a task of a queue of deliveries.
func ReadDelivery(body []byte) (Delivery, error) {
	var d Delivery
	if err := json.Unmarshal(body, &d); err != nil {
		return Delivery{}, fmt.Errorf("events: delivery: %w", err)
	}
	return d, nil
}

// DelivererOptions bounds a deliverer.
type DelivererOptions struct {
	Timeout  time.Duration    // of one attempt, default 10 s
	Parallel int              // deliveries at a time, default 8
	MaxBody  int              // bytes; an event with more goes without its record. Default 512 KiB
	Now      func() time.Time // default time.Now
	Log      *slog.Logger     // nil: discarded

	// Whole makes the event that is sent of the one that was queued, as things stand when it is sent. It returns nothing where what
	// it tells of was deleted meanwhile: then nothing is sent. nil: what was queued is sent.
	Whole func(context.Context, Delivery) (json.RawMessage, error)
}

// Deliverer posts what is in a queue to its webhooks.
type Deliverer struct {
	opts  DelivererOptions
	queue Queue
	hooks Webhooks
	// Two clients, so that no connection to this machine that was opened for one webhook is there for another.
	local, outside *http.Client
}

// NewDeliverer returns a deliverer; Run does the work.
func NewDeliverer(q Queue, hooks Webhooks, o DelivererOptions) *Deliverer {
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Parallel <= 0 {
		o.Parallel = 8
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 512 << 10
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Deliverer{opts: o, queue: q, hooks: hooks, local: client(o.Timeout, true), outside: client(o.Timeout, false)}
}

// client returns one that connects to no address that refuse names. It sees the address after the name was resolved, so that a name
// cannot lead there.
func client(timeout time.Duration, local bool) *http.Client {
	dialer := &net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("events: webhook: address %q: %w", address, err)
		}
		return refuse(at.Addr(), local)
	}}
	return &http.Client{
		Timeout: timeout,
		// A redirect would carry the record to where nobody told us to send it.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: timeout, ResponseHeaderTimeout: timeout,
			MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true,
		},
	}
}

// refuse keeps deliveries from addresses that no receiver has: the metadata services of clouds listen on link-local ones, and on
// loopback, unless local, what trusts this machine.
func refuse(a netip.Addr, local bool) error {
	switch a = a.Unmap(); {
	case a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified():
		return Permanent(fmt.Errorf("events: webhook: address %s, want none that is link-local, multicast or unspecified", a))
	case a.IsLoopback() && !local:
		return Permanent(fmt.Errorf("events: webhook: address %s, want none of this machine", a))
	}
	return nil
}

// Run posts deliveries until ctx ends and returns when the last attempt is over.
func (d *Deliverer) Run(ctx context.Context) error {
	defer d.local.CloseIdleConnections()
	defer d.outside.CloseIdleConnections()
	return d.queue.Work(ctx, d.opts.Parallel, d.deliver)
}

func (d *Deliverer) deliver(ctx context.Context, t Task) error {
	what, err := ReadDelivery(t.Body)
	if err != nil {
		return Permanent(err)
	}
	hooks, err := d.hooks.Webhooks(ctx, what.Tenant)
	if err != nil {
		return fmt.Errorf("events: webhooks of %s: %w", what.Tenant, err)
	}
	at := slices.IndexFunc(hooks, func(w Webhook) bool { return w.ID == what.Webhook })
	if at < 0 {
		return Permanent(fmt.Errorf("events: webhook %s: no longer there", what.Webhook))
	}
	body, err := d.body(ctx, what)
	if err != nil {
		return fmt.Errorf("events: webhook %s: %w", what.Webhook, err)
	}
	if len(body) == 0 {
		d.opts.Log.Info("events: webhook: nothing to tell any more", "webhook", what.Webhook, "task", t.ID)
		return nil
	}
	what.Body = body
	return d.post(ctx, hooks[at], t, what)
}

// body returns what is sent, none where there is nothing to tell any more.
func (d *Deliverer) body(ctx context.Context, what Delivery) (json.RawMessage, error) {
	body := what.Body
	var err error
	if d.opts.Whole != nil {
		if body, err = d.opts.Whole(ctx, what); err != nil {
			return nil, err
		}
	}
	if len(body) > d.opts.MaxBody {
		if body, err = withoutRecord(body); err == nil && len(body) > d.opts.MaxBody {
			err = fmt.Errorf("event of %d bytes without its record, want at most %d", len(body), d.opts.MaxBody)
		}
		if err != nil {
			return nil, Permanent(err)
		}
	}
	return body, nil
}

// maxReply is how much of a receiver's answer is read, so that the connection can be used again.
const maxReply = 64 << 10

// maxLater bounds how long a receiver may put us off, in seconds.
const maxLater = 6 * 3600

func (d *Deliverer) post(ctx context.Context, w Webhook, t Task, what Delivery) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(what.Body))
	if err != nil {
		return Permanent(fmt.Errorf("events: webhook %s: %w", w.ID, err))
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "timbre")
	req.Header.Set(HeaderDelivery, t.ID)
	req.Header.Set(HeaderEvent, string(what.Kind))
	req.Header.Set(HeaderAttempt, strconv.Itoa(t.Attempt))
	req.Header.Set(HeaderSignature, Sign(w.Secrets, t.ID, what.Body, d.opts.Now()))
	client := d.outside
	if w.Local {
		client = d.local
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("events: webhook %s: %w", w.ID, err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxReply)) // what the receiver has to say changes nothing
	switch {
	case resp.StatusCode/100 == 2:
		return nil
	case resp.StatusCode == http.StatusGone: // the receiver wants no more
		return Permanent(fmt.Errorf("events: webhook %s: status %d, want 2xx", w.ID, resp.StatusCode))
	}
	err = fmt.Errorf("events: webhook %s: status %d, want 2xx", w.ID, resp.StatusCode)
	if s, e := strconv.Atoi(resp.Header.Get("Retry-After")); e == nil && s > 0 {
		return Later(err, time.Duration(min(s, maxLater))*time.Second)
	}
	return err
}

// eventTest is the event of a test delivery.
const eventTest interaction.EventKind = "test"

// Test posts a delivery to w at once, as one of a queue is posted but for its event, and returns what went wrong.
func (d *Deliverer) Test(ctx context.Context, w Webhook, id string) error {
	body, err := json.Marshal(interaction.Event{Type: eventTest, Version: interaction.EventVersion, Tenant: w.Tenant, Message: "a test delivery"})
	if err != nil {
		return fmt.Errorf("events: test: %w", err)
	}
	return d.post(ctx, w, Task{ID: id, Attempt: 1}, Delivery{Tenant: w.Tenant, Webhook: w.ID, Kind: eventTest, Body: body})
}
