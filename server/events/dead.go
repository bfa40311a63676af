package events

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrNotFound reports a dead letter that is not there, or no longer.
var ErrNotFound = errors.New("events: not found")

// DeadLetter is a task that was given up.
type DeadLetter struct {
	Seq      uint64 // its number among the queue's dead letters, growing
	TaskID   string
	Body     []byte
	Attempts int    // that were made
	Error    string // of the last one
	FailedAt time.Time
}

// bury makes a dead letter of a task, and takes the task out of the queue only when the letter is on disk.
func (q *JetQueue) bury(ctx context.Context, m jetstream.Msg, t Task, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
	defer cancel()
	letter := &nats.Msg{Subject: q.deadSubject(), Data: t.Body, Header: nats.Header{
		headerTask: {t.ID}, headerError: {clip(cause.Error(), 500)}, headerAttempts: {strconv.Itoa(t.Attempt)},
		headerFailedAt: {time.Now().UTC().Format(time.RFC3339Nano)},
	}}
	if _, err := q.js.PublishMsg(ctx, letter); err != nil {
		return err
	}
	return m.Ack()
}

// clip keeps a foreign text from filling or breaking a header.
func clip(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// Dead lists dead letters in the order of Seq, those after the given one, at most limit of them.
func (q *JetQueue) Dead(ctx context.Context, after uint64, limit int) ([]DeadLetter, error) {
	info, err := q.dead.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("events: queue %s: dead letters: %w", q.opts.Name, err)
	}
	var out []DeadLetter
	for seq := max(after+1, info.State.FirstSeq); seq <= info.State.LastSeq && len(out) < limit; seq++ {
		d, err := q.letter(ctx, seq)
		if errors.Is(err, ErrNotFound) {
			continue // sent again or dropped
		}
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

func (q *JetQueue) letter(ctx context.Context, seq uint64) (DeadLetter, error) {
	m, err := q.dead.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return DeadLetter{}, fmt.Errorf("%w: dead letter %d of queue %s", ErrNotFound, seq, q.opts.Name)
	}
	if err != nil {
		return DeadLetter{}, fmt.Errorf("events: queue %s: dead letter %d: %w", q.opts.Name, seq, err)
	}
	d := DeadLetter{Seq: seq, TaskID: m.Header.Get(headerTask), Body: m.Data, Error: m.Header.Get(headerError), FailedAt: m.Time}
	// Both were written by bury; a letter of another hand still shows its body.
	d.Attempts, _ = strconv.Atoi(m.Header.Get(headerAttempts))
	if at, err := time.Parse(time.RFC3339Nano, m.Header.Get(headerFailedAt)); err == nil {
		d.FailedAt = at
	}
	return d, nil
}

// Retry puts a dead letter back into the queue, with all its attempts before it, and returns ErrNotFound where there is none.
func (q *JetQueue) Retry(ctx context.Context, seq uint64) error {
	d, err := q.letter(ctx, seq)
	if err != nil {
		return err
	}
	// The letter's number makes the task another than the one that died, so that it is not taken for a repetition.
	if err := q.put(ctx, d.TaskID, d.TaskID+"/again/"+strconv.FormatUint(seq, 10), d.Body); err != nil {
		return err
	}
	return q.Drop(ctx, seq)
}

// Drop deletes a dead letter, and returns ErrNotFound where there is none.
func (q *JetQueue) Drop(ctx context.Context, seq uint64) error {
	if _, err := q.letter(ctx, seq); err != nil {
		return err
	}
	if err := q.dead.DeleteMsg(ctx, seq); err != nil {
		return fmt.Errorf("events: queue %s: dead letter %d: %w", q.opts.Name, seq, err)
	}
	return nil
}

// Depth returns how many tasks wait or are being worked on, and how many are dead.
func (q *JetQueue) Depth(ctx context.Context) (waiting, dead uint64, err error) {
	info, err := q.consumer.Info(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("events: queue %s: %w", q.opts.Name, err)
	}
	d, err := q.dead.Info(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("events: queue %s: %w", q.opts.Name, err)
	}
	return info.NumPending + uint64(info.NumAckPending), d.State.Msgs, nil
}
