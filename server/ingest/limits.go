package ingest

import (
	"net"
	"sync"
	"time"
)

// Limits bounds what one server, and one remote address, may hold open. Zero takes the default.
type Limits struct {
	Connections  int           // open at a time; default 10000
	PerRemote    int           // open at a time from one address; default 2000, since a platform's media servers are few
	Handshakes   float64       // per second from one address, sustained; default 50
	Burst        int           // handshakes from one address at once; default 200
	MessageBytes int64         // of one message; default 1 MiB
	StartTimeout time.Duration // from the handshake to the start of the audio; default 30 s
	IdleTimeout  time.Duration // without a frame or a pong; default 60 s
	QuietTimeout time.Duration // without a message, pongs not counted; default 15 min
	MaxDuration  time.Duration // of one connection; default 12 h
	PingEvery    time.Duration // default 20 s
	CloseGrace   time.Duration // in which the platform should close after its last word; default 5 s
}

func (l Limits) withDefaults() Limits {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	if l.Connections <= 0 {
		l.Connections = 10000
	}
	if l.PerRemote <= 0 {
		l.PerRemote = 2000
	}
	if l.Handshakes <= 0 {
		l.Handshakes = 50
	}
	if l.Burst <= 0 {
		l.Burst = 200
	}
	if l.MessageBytes <= 0 {
		l.MessageBytes = 1 << 20
	}
	set(&l.StartTimeout, 30*time.Second)
	set(&l.IdleTimeout, time.Minute)
	set(&l.QuietTimeout, 15*time.Minute)
	set(&l.MaxDuration, 12*time.Hour)
	set(&l.PingEvery, 20*time.Second)
	set(&l.CloseGrace, 5*time.Second)
	return l
}

// maxRemotes bounds the addresses that are remembered; beyond it those that are at rest are forgotten, and when all are busy a
// new one is refused.
const maxRemotes = 10000

// gate counts connections and handshakes. Safe for concurrent use.
type gate struct {
	limits Limits
	now    func() time.Time

	mu      sync.Mutex
	open    int
	remotes map[string]*remote
}

// remote is one address: a token bucket of handshakes, and what it holds open.
type remote struct {
	tokens float64
	at     time.Time
	open   int
}

func newGate(l Limits, now func() time.Time) *gate {
	return &gate{limits: l, now: now, remotes: map[string]*remote{}}
}

// enter admits a connection from address or says why not. After nil, leave must be called.
func (g *gate) enter(address string) *refusal {
	host := hostOf(address)
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.remotes[host]
	if r == nil {
		if len(g.remotes) >= maxRemotes {
			g.forget(now)
		}
		if len(g.remotes) >= maxRemotes {
			return rateLimited("too many addresses at once, want a retry later")
		}
		r = &remote{tokens: float64(g.limits.Burst), at: now}
		g.remotes[host] = r
	}
	r.refill(g.limits, now)
	switch {
	case r.tokens < 1:
		return rateLimited("handshakes from one address: more than %g a second", g.limits.Handshakes)
	case r.open >= g.limits.PerRemote:
		return rateLimited("connections from one address: %d, want at most %d", r.open+1, g.limits.PerRemote)
	case g.open >= g.limits.Connections:
		return unavailable("connections: %d, want at most %d", g.open+1, g.limits.Connections)
	}
	r.tokens--
	r.open++
	g.open++
	return nil
}

func (g *gate) leave(address string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
	if r := g.remotes[hostOf(address)]; r != nil {
		r.open--
	}
}

// forget drops the addresses of which nothing need be remembered.
func (g *gate) forget(now time.Time) {
	for host, r := range g.remotes {
		if r.refill(g.limits, now); r.open == 0 && r.tokens >= float64(g.limits.Burst) {
			delete(g.remotes, host)
		}
	}
}

func (r *remote) refill(l Limits, now time.Time) {
	if d := now.Sub(r.at).Seconds(); d > 0 {
		r.tokens = min(r.tokens+d*l.Handshakes, float64(l.Burst))
		r.at = now
	}
}

func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}

// isLoopback reports whether address is of this machine.
func isLoopback(address string) bool {
	ip := net.ParseIP(hostOf(address))
	return ip != nil && ip.IsLoopback()
}
