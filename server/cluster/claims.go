package cluster

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	bucket = "TIMBRE_CALLS"

	// keptFor is how long a claim of which nobody asks is kept: longer than a connection may last.
	keptFor = 24 * time.Hour

	// markerFor is how long the place of a released claim is kept; nats-server 2.11 or later forgets it.
	markerFor = time.Minute

	claimTimeout = 3 * time.Second

	defaultTenant = "default" // of a stream that names none, as the hub has it
)

// claims is the bucket: the address of a process under the key of each call that has an id.
type claims struct {
	kv   jetstream.KeyValue
	conn *nats.Conn
}

func openClaims(ctx context.Context, conn *nats.Conn, replicas int) (*claims, error) {
	js, err := jetstream.New(conn)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		var kv jetstream.KeyValue
		if kv, err = js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: bucket, Description: "which node has which call", History: 1, TTL: keptFor, LimitMarkerTTL: markerFor, Storage: jetstream.FileStorage, Replicas: replicas,
		}); err == nil {
			return &claims{kv: kv, conn: conn}, nil
		}
	}
	return nil, fmt.Errorf("cluster: claims: %w", err)
}

// keyOf returns the key of a call: of one length whatever a platform calls it, and telling nobody who reads the bucket what that is.
func keyOf(tenant, callID string) string {
	sum := sha256.Sum256([]byte(cmp.Or(tenant, defaultTenant) + "\x00" + callID))
	return hex.EncodeToString(sum[:])
}

// errRaced reports that another node was quicker.
var errRaced = errors.New("cluster: claim changed meanwhile")

// reach returns ctx with the time that a claim may take, and an error at once while the connection is lost.
func (c *claims) reach(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if s := c.conn.Status(); s != nats.CONNECTED {
		return nil, nil, fmt.Errorf("cluster: claims: nats: connection is %s, want CONNECTED", s)
	}
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	return ctx, cancel, nil
}

// create makes a claim for address and returns its revision, or the owner and revision of the claim that is there.
func (c *claims) create(ctx context.Context, key, address string) (owner string, revision uint64, err error) {
	ctx, cancel, err := c.reach(ctx)
	if err != nil {
		return "", 0, err
	}
	defer cancel()
	for {
		revision, err = c.kv.Create(ctx, key, []byte(address))
		if err == nil {
			return "", revision, nil
		}
		if !errors.Is(err, jetstream.ErrKeyExists) {
			return "", 0, fmt.Errorf("cluster: claim: %w", err)
		}
		e, err := c.kv.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) { // released in between
			continue
		}
		if err != nil {
			return "", 0, fmt.Errorf("cluster: claim: %w", err)
		}
		return string(e.Value()), e.Revision(), nil
	}
}

// replace puts address in place of the claim of a revision; errRaced where that is not the claim any more.
func (c *claims) replace(ctx context.Context, key, address string, revision uint64) (uint64, error) {
	ctx, cancel, err := c.reach(ctx)
	if err != nil {
		return 0, err
	}
	defer cancel()
	now, err := c.kv.Update(ctx, key, []byte(address), revision)
	if err != nil {
		return 0, raced(err)
	}
	return now, nil
}

// remove deletes the claim of a revision. One that was taken over is its new owner's, and that is no error.
func (c *claims) remove(ctx context.Context, key string, revision uint64) error {
	ctx, cancel, err := c.reach(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	// Purge rather than Delete, which would keep the marker of the key for as long as a claim.
	err = raced(c.kv.Purge(ctx, key, jetstream.LastRevision(revision), jetstream.PurgeTTL(markerFor)))
	if errors.Is(err, errRaced) {
		return nil
	}
	return err
}

// owner returns whose claim is there, "" where there is none.
func (c *claims) owner(ctx context.Context, key string) (string, error) {
	ctx, cancel, err := c.reach(ctx)
	if err != nil {
		return "", err
	}
	defer cancel()
	e, err := c.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("cluster: claim: %w", err)
	}
	return string(e.Value()), nil
}

func raced(err error) error {
	if errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
		return errRaced
	}
	if err != nil {
		return fmt.Errorf("cluster: claim: %w", err)
	}
	return nil
}
