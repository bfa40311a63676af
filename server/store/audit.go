package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"
)

// AuditEntry is one line of the audit log. The log is append-only: each entry holds the hash of the one before, so that a line
// that was changed, removed or put in shows.
type AuditEntry struct {
	Seq     int64     // 1, 2, ... without a gap; set by the store
	At      time.Time // set by the store
	Actor   string    // who did it: a user, an API key's id, the command line, the server
	Action  string    // what was done, as enrol, verify, delete; required
	Subject string    // to whom or what: a pseudonym where it is a person
	Detail  map[string]string
	Prev    []byte // hash of the entry before; 32 zeros in the first
	Hash    []byte // see Sum
}

var audit = table[AuditEntry]{name: "audit", what: "audit entry", key: []string{"seq"},
	cols: []string{"seq", "at", "actor", "action", "subject", "detail", "prev", "hash"},
	fields: func(v *AuditEntry) []any {
		return []any{&v.Seq, at(&v.At), &v.Actor, &v.Action, &v.Subject, jsonOf(&v.Detail), &v.Prev, &v.Hash}
	}}

// Sum returns the SHA-256 of the tenant and every field but Hash, each written as its length in 8 bytes, most significant first,
// and its bytes; numbers are 8 bytes, the time is in microseconds since 1970, the detail is JSON with sorted keys. Whoever can
// write to the database can also compute a whole new chain: to notice that, a head (Seq and Hash) has to be kept elsewhere.
func (e *AuditEntry) Sum(tenant string) []byte {
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		panic(err) // a map of strings always has a JSON form
	}
	h := sha256.New()
	for _, part := range [][]byte{[]byte("timbre.audit/1"), []byte(tenant), e.Prev, binary.BigEndian.AppendUint64(nil, uint64(e.Seq)),
		binary.BigEndian.AppendUint64(nil, uint64(e.At.UnixMicro())), []byte(e.Actor), []byte(e.Action), []byte(e.Subject), detail} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	return h.Sum(nil)
}

// AppendAudit adds an entry at the end of the tenant's log and returns it with its place and hash.
func (t *Tenant) AppendAudit(ctx context.Context, e AuditEntry) (AuditEntry, error) {
	if e.Action == "" {
		return AuditEntry{}, invalid("audit entry action", "", "what was done")
	}
	err := t.inTurn(ctx, "audit entry", func(tx *sql.Tx) error { return t.appendAudit(ctx, tx, &e) })
	return e, err
}

func (t *Tenant) appendAudit(ctx context.Context, tx *sql.Tx, e *AuditEntry) error {
	last, err := audit.find(ctx, tx, t.id, "", "ORDER BY seq DESC LIMIT 1")
	if err != nil {
		return err
	}
	e.Seq, e.At, e.Prev = 1, t.s.time(), make([]byte, sha256.Size)
	if len(last) == 1 {
		e.Seq, e.Prev = last[0].Seq+1, last[0].Hash
	}
	if e.Detail == nil {
		e.Detail = map[string]string{}
	}
	e.Hash = e.Sum(t.id)
	return audit.insert(ctx, tx, t.id, e)
}

// Audit lists the log, the latest entry first; about one subject unless subject is empty.
func (t *Tenant) Audit(ctx context.Context, subject string, p Page) (List[AuditEntry], error) {
	latest := order{cols: []string{"seq"}, kinds: "n", desc: true}
	if subject == "" {
		return audit.page(ctx, t.s.read, t.id, p, latest, "")
	}
	return audit.page(ctx, t.s.read, t.id, p, latest, "subject = $1", subject)
}

// AuditFault is the first place where the log does not hold together.
type AuditFault struct {
	Seq    int64  // of the entry that should be there
	Reason string // in words
}

// Error returns "store: audit: entry N: reason".
func (f *AuditFault) Error() string {
	return fmt.Sprintf("store: audit: entry %d: %s", f.Seq, f.Reason)
}

// VerifyAudit walks the whole log and returns its last entry, or a *AuditFault at the first entry that was changed, removed or put
// in. An empty log returns an entry with Seq 0. That nothing was cut off at the end shows only against a head kept elsewhere.
func (t *Tenant) VerifyAudit(ctx context.Context) (AuditEntry, error) {
	last := AuditEntry{Hash: make([]byte, sha256.Size)}
	for {
		entries, err := audit.find(ctx, t.s.read, t.id, "seq > $1", fmt.Sprintf("ORDER BY seq LIMIT %d", MaxLimit), last.Seq)
		if err != nil {
			return AuditEntry{}, err
		}
		if len(entries) == 0 {
			return last, nil
		}
		for _, e := range entries {
			switch want := last.Seq + 1; {
			case e.Seq != want:
				return AuditEntry{}, &AuditFault{want, fmt.Sprintf("missing, entry %d comes next", e.Seq)}
			case !bytes.Equal(e.Prev, last.Hash):
				return AuditEntry{}, &AuditFault{want, "does not follow the entry before it"}
			case !bytes.Equal(e.Hash, e.Sum(t.id)):
				return AuditEntry{}, &AuditFault{want, "was changed: its hash is not that of its content"}
			}
			last = e
		}
	}
}
