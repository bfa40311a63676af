package events

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/timbre-voice/timbre/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func start(t *testing.T, o BrokerOptions) *Broker {
	t.Helper()
	ignore := goleak.IgnoreCurrent()
	b, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.Close()
		goleak.VerifyNone(t, ignore)
	})
	return b
}

// onBoth runs a test on an embedded server and on the real nats-server in another process.
func onBoth(t *testing.T, test func(t *testing.T, b *Broker)) {
	t.Run("embedded", func(t *testing.T) { test(t, start(t, BrokerOptions{Dir: t.TempDir()})) })
	t.Run("outside", func(t *testing.T) { test(t, start(t, BrokerOptions{URL: testkit.NATS(t).URL()})) })
}

// soon bounds what a test waits for; it is never reached by a test that passes.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Second, errors.New("nothing came in 30 s"))
	t.Cleanup(cancel)
	return ctx
}
