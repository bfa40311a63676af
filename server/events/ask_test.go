package events

import (
	"context"
	"errors"
	"testing"
)

func TestAsk(t *testing.T) {
	onBoth(t, func(t *testing.T, b *Broker) {
		stop, err := b.Serve(func(_ context.Context, q []byte) []byte { return append(q, '!') }, "call", "x", "a.b *")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.Ask(soon(t), []byte("well"), "call", "x", "a.b *"); err != nil || string(got) != "well!" {
			t.Errorf("Ask: %q, %v", got, err)
		}
		if _, err := b.Ask(soon(t), nil, "call", "x", "a.b c"); !errors.Is(err, ErrNobody) {
			t.Errorf("another name: %v, want ErrNobody", err)
		}
		stop()
		if _, err := b.Ask(soon(t), nil, "call", "x", "a.b *"); !errors.Is(err, ErrNobody) {
			t.Errorf("after stop: %v, want ErrNobody", err)
		}
	})
}
