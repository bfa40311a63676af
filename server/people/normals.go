package people

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/sentiment"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/policy"
	"github.com/timbre-voice/timbre/server/store"
)

// A person's normal weighs at most keptSeconds of speech: what comes later counts for more, and the calls before it ever less, so that it
// follows the voice through the years. Of that one call is at most callSeconds, so that no single long one is the person's normal.
const (
	keptSeconds = 120.0
	callSeconds = 60.0
)

// normals is analysis.Normals over the registry.
type normals struct {
	desk *Desk
	by   string
	call policy.Resolved
}

// Normals returns what keeps the customers' normals for a call that a policy was resolved for; nil where that does not permit it, or no
// model reads emotion. by names who asks, in the audit log.
func (d *Desk) Normals(by string, call policy.Resolved) analysis.Normals {
	if !call.EarlierCalls || d.Emotion.SHA256 == "" {
		return nil
	}
	return &normals{d, by, call}
}

// rules returns what the registry has to mind of a customer; false where the law or the policy of the customer's own jurisdiction does not
// permit what that of the call does.
func (n *normals) rules(ctx context.Context, customer string) (identity.Rules, bool, error) {
	own, err := n.desk.resolve(ctx, customer, "")
	r := own.Rules()
	r.ReleaseRequired = r.ReleaseRequired || n.call.Permit.ReleaseRequired
	return r, own.EarlierCalls, err
}

// Earlier implements analysis.Normals.
func (n *normals) Earlier(ctx context.Context, customer, call string) (sentiment.Normaliser, bool, error) {
	k, err := n.read(ctx, customer)
	switch {
	case err != nil:
		return sentiment.Normaliser{}, false, fmt.Errorf("what earlier calls say of the voice was not read: %s", cmp.Or(store.Code(err), "internal"))
	case k == nil || k.holds(call):
		return sentiment.Normaliser{}, false, nil
	}
	return k.normal, true, nil
}

// read returns what is kept of a customer, nil where there is nothing to use.
func (n *normals) read(ctx context.Context, customer string) (*kept, error) {
	rules, may, err := n.rules(ctx, customer)
	if err != nil || !may {
		return nil, err
	}
	plain, err := n.desk.Registry.Normal(ctx, customer, n.desk.Emotion, rules)
	if err != nil || plain == nil {
		return nil, err
	}
	return n.parse(plain)
}

// parse reads what is kept; nil where it is of other features.
func (n *normals) parse(plain []byte) (*kept, error) {
	model, err := n.model()
	if err != nil {
		return nil, err
	}
	k, err := parseKept(plain, model)
	if errors.Is(err, sentiment.ErrOtherModel) {
		return nil, nil
	}
	return k, err
}

func (n *normals) model() (sum sentiment.ModelSum, err error) {
	b, err := hex.DecodeString(n.desk.Emotion.SHA256)
	if err != nil || len(b) != len(sum) {
		return sum, fmt.Errorf("people: emotion model: sha256 %.70q, want %d hex digits", n.desk.Emotion.SHA256, 2*len(sum))
	}
	return sentiment.ModelSum(b), nil
}

// Keep implements analysis.Normals.
func (n *normals) Keep(ctx context.Context, customer, call string, own sentiment.Normaliser) error {
	rules, may, err := n.rules(ctx, customer)
	if err == nil && may {
		err = n.desk.Registry.KeepNormal(ctx, n.by, customer, n.desk.Emotion, rules, func(plain []byte) ([]byte, int64, error) { return n.add(plain, call, own) })
	}
	if err != nil {
		return fmt.Errorf("what the call says of the voice was not kept: %s", cmp.Or(store.Code(err), "internal"))
	}
	return nil
}

// add returns what is kept with one call more; nil where that was in it before.
func (n *normals) add(plain []byte, call string, own sentiment.Normaliser) ([]byte, int64, error) {
	model, err := n.model()
	if err != nil {
		return nil, 0, err
	}
	k := &kept{}
	if plain != nil {
		have, err := n.parse(plain)
		if err != nil {
			return nil, 0, err
		}
		if have != nil {
			k = have
		}
	}
	if k.holds(call) {
		return nil, 0, nil
	}
	own = own.Capped(callSeconds)
	k.normal.Merge(&own)
	k.normal = k.normal.Capped(keptSeconds)
	k.calls = append(k.calls, markOf(call))
	k.calls = k.calls[max(0, len(k.calls)-maxMarks):]
	return k.bytes(model), int64(1000 * k.normal.Seconds()), nil
}

// kept is what is sealed of a person: the normal, and which calls are in it, the latest last, so that one that is analysed once more counts
// once.
type kept struct {
	calls  []mark
	normal sentiment.Normaliser
}

// mark stands for a call: the head of the SHA-256 of its id.
type mark [16]byte

func markOf(call string) mark {
	sum := sha256.Sum256([]byte(call))
	return mark(sum[:len(mark{})])
}

// maxMarks bounds the calls that are told apart. An older one weighs next to nothing any more, and would be counted anew.
const maxMarks = 64

func (k *kept) holds(call string) bool { return slices.Contains(k.calls, markOf(call)) }

// keptVersion is the first byte of what bytes returns; the number of marks, the marks and the statistics follow.
const keptVersion = 1

func (k *kept) bytes(model sentiment.ModelSum) []byte {
	b := []byte{keptVersion, byte(len(k.calls))}
	for _, m := range k.calls {
		b = append(b, m[:]...)
	}
	return append(b, k.normal.Bytes(model)...)
}

// parseKept reads what bytes returned. Errors: those of sentiment.ParseNormaliser, of which ErrStatistics is also for what comes before.
func parseKept(b []byte, model sentiment.ModelSum) (*kept, error) {
	if len(b) < 2 || b[0] != keptVersion || b[1] > maxMarks || len(b) < 2+int(b[1])*len(mark{}) {
		return nil, fmt.Errorf("people: %w: %d bytes that begin with % x, want version %d and at most %d calls", sentiment.ErrStatistics, len(b), b[:min(len(b), 2)], keptVersion, maxMarks)
	}
	k := &kept{}
	rest := b[2:]
	for range b[1] {
		k.calls = append(k.calls, mark(rest[:len(mark{})]))
		rest = rest[len(mark{}):]
	}
	var err error
	if k.normal, err = sentiment.ParseNormaliser(rest, model); err != nil {
		return nil, fmt.Errorf("people: %w", err)
	}
	return k, nil
}
