package events

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// ErrNobody reports a question that no node serves.
var ErrNobody = errors.New("events: nobody answers")

// askTimeout bounds one question to another node.
const askTimeout = 5 * time.Second

func askSubject(name []string) string {
	tokens := make([]string, len(name))
	for i, n := range name {
		tokens[i] = token(n)
	}
	return "timbre.ask." + strings.Join(tokens, ".")
}

// Serve answers the questions that any node asks under a name, in a goroutine each, until stop is called. Names are any texts.
func (b *Broker) Serve(answer func(ctx context.Context, question []byte) []byte, name ...string) (stop func(), err error) {
	s, err := b.conn.Subscribe(askSubject(name), func(m *nats.Msg) {
		go func() { // a subscription hands out one message at a time, and an answer may wait
			ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
			defer cancel()
			_ = m.Respond(answer(ctx, m.Data)) // who asked sees the connection's fault as its own timeout
		}()
	})
	if err != nil {
		return nil, fmt.Errorf("events: serve %s: %w", strings.Join(name, " "), err)
	}
	return func() { _ = s.Unsubscribe() }, nil // fails only where the connection is gone
}

// Ask asks whoever serves a name and returns the answer, or ErrNobody at once where nobody does.
func (b *Broker) Ask(ctx context.Context, question []byte, name ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	m, err := b.conn.RequestWithContext(ctx, askSubject(name), question)
	if errors.Is(err, nats.ErrNoResponders) {
		return nil, fmt.Errorf("%w: %s", ErrNobody, strings.Join(name, " "))
	}
	if err != nil {
		return nil, fmt.Errorf("events: ask %s: %w", strings.Join(name, " "), err)
	}
	return m.Data, nil
}
