package server

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/store"
)

// How long a claim of an idempotency key holds while its request runs, and how long its answer is kept.
const (
	replayLease = 15 * time.Minute
	replayKeep  = 24 * time.Hour
)

// replays is api.Idempotency over the store. An answer may name a person, whose deletion does not look for it here: it is sealed with
// a key that is made of the client's own, of which the store has a hash alone. Who repeats the request opens it, and nobody else.
type replays struct{ store *store.Store }

// sealing returns the name under which a client's key is stored, and what seals its answer.
func (r *replays) sealing(tenant, key string) (name string, seal *box, err error) {
	derive := func(what string) ([]byte, error) {
		return hkdf.Key(sha256.New, []byte(key), []byte(tenant), "timbre idempotency "+what, keySize)
	}
	id, err := derive("name")
	if err != nil {
		return "", nil, fmt.Errorf("server: idempotency key: %w", err)
	}
	secret, err := derive("answer")
	if err != nil {
		return "", nil, fmt.Errorf("server: idempotency key: %w", err)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return "", nil, fmt.Errorf("server: idempotency key: %w", err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return "", nil, fmt.Errorf("server: idempotency key: %w", err)
	}
	return hex.EncodeToString(id), &box{gcm}, nil
}

func (r *replays) Begin(ctx context.Context, tenant, key, request string) (*api.Answer, error) {
	name, seal, err := r.sealing(tenant, key)
	if err != nil {
		return nil, err
	}
	kept, err := r.store.Tenant(tenant).BeginIdempotent(ctx, name, request, replayLease)
	if err != nil || kept == nil {
		return nil, fault(err)
	}
	var a api.Answer
	if kept, err = seal.open(kept, []byte(tenant)); err == nil {
		err = json.Unmarshal(kept, &a)
	}
	if err != nil {
		return nil, fmt.Errorf("server: kept answer: %w", err)
	}
	return &a, nil
}

func (r *replays) Finish(ctx context.Context, tenant, key string, a *api.Answer) error {
	name, seal, err := r.sealing(tenant, key)
	if err != nil {
		return err
	}
	var kept []byte
	if a != nil {
		if kept, err = json.Marshal(a); err != nil {
			return fmt.Errorf("server: answer: %w", err)
		}
		kept = seal.seal(kept, []byte(tenant))
	}
	return fault(r.store.Tenant(tenant).FinishIdempotent(ctx, name, kept, replayKeep))
}

var _ api.Idempotency = (*replays)(nil)
