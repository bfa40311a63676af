package people

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/store"
)

// heldFile is rows whose file a reader of another process holds: a deletion is done, and the file is not rebuilt.
type heldFile struct{ *store.Tenant }

func (r heldFile) DeleteSpeaker(ctx context.Context, id string) (store.Deletion, error) {
	d, err := r.Tenant.DeleteSpeaker(ctx, id)
	if err == nil {
		err = fmt.Errorf("%w: scrub: a reader holds the log", store.ErrUnavailable)
	}
	return d, err
}

// TestGoneButForTheFile: a deletion whose rows are gone tries once more to rebuild the file, and tells by a receipt beside the error that
// only this is left to do; what deleted nothing rebuilds nothing.
func TestGoneButForTheFile(t *testing.T) {
	o := newOffice(t)
	ctx, registry := t.Context(), o.Registry
	held := fmt.Errorf("%w: scrub: still held", store.ErrUnavailable)
	for name, end := range map[string]func(who string) (*identity.Receipt, error){
		"delete":  func(who string) (*identity.Receipt, error) { return o.Delete(ctx, "tester", who, "request") },
		"opt_out": func(who string) (*identity.Receipt, error) { return o.OptOut(ctx, "tester", who, "call") },
	} {
		for _, c := range []struct {
			name           string
			held, enrolled bool
			scrub          error
			scrubs         int
			receipt        bool
			is             error // nil for opt_out of whom nothing is kept
		}{
			{name: "at_once", enrolled: true, receipt: true},
			{name: "at_the_second_go", held: true, enrolled: true, scrubs: 1, receipt: true},
			{name: "not_at_all", held: true, enrolled: true, scrub: held, scrubs: 1, receipt: true, is: held},
			{name: "nothing_is_kept", held: true, is: store.ErrNotFound},
		} {
			who := name + "_" + c.name
			t.Run(who, func(t *testing.T) {
				o.Registry = registry
				if c.enrolled {
					if _, err := o.enrol(Request{Speaker: who, ConsentRef: "r", Consent: vouched("web")}, o.customer); err != nil {
						t.Fatal(err)
					}
				}
				if c.held {
					o.Registry = identity.NewRegistry(heldFile{o.rows}, o.keys, time.Now)
				}
				scrubs := 0
				o.Scrub = func(context.Context) error { scrubs++; return c.scrub }
				if name == "opt_out" && errors.Is(c.is, store.ErrNotFound) {
					c.is = nil
				}
				r, err := end(who)
				if !errors.Is(err, c.is) || (err == nil) != (c.is == nil) {
					t.Errorf("%v, want %v", err, c.is)
				}
				if scrubs != c.scrubs {
					t.Errorf("rebuilt %d times, want %d", scrubs, c.scrubs)
				}
				if (r != nil) != c.receipt || r != nil && (r.Signature == "" || r.Destroyed["voiceprints"] != 1) {
					t.Errorf("receipt %+v, want one: %t", r, c.receipt)
				}
				if out, err := o.Registry.OptedOut(ctx, who); err != nil || out != (name == "opt_out") {
					t.Errorf("opted out %t, %v", out, err)
				}
				if _, err := o.rows.Speaker(ctx, who); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("the person's row: %v, want ErrNotFound", err)
				}
			})
		}
	}
}

// TestWhoIsGoneIsForgotten: from a deletion, an opt-out or a withdrawal on, the loaded galleries hold nobody against the person.
func TestWhoIsGoneIsForgotten(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	for name, end := range map[string]func(who string) error{
		"delete":  func(who string) error { _, err := o.Delete(ctx, "tester", who, "request"); return err },
		"opt_out": func(who string) error { _, err := o.OptOut(ctx, "tester", who, "call"); return err },
		"withdraw": func(who string) error {
			if n, err := o.WithdrawConsent(ctx, "tester", who, identity.PurposeVerify); n != 1 {
				return fmt.Errorf("%d consents withdrawn, %w", n, err)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := o.enrol(Request{Speaker: name, ConsentRef: "r", Consent: vouched("web")}, o.customer); err != nil {
				t.Fatal(err)
			}
			loaded := func() int {
				t.Helper()
				g, _, err := o.gallery(ctx, "", identity.DefaultRules())
				if err != nil {
					t.Fatal(err)
				}
				return g.Len()
			}
			if n := loaded(); n != 1 {
				t.Fatalf("%d prints loaded, want 1", n)
			}
			if err := end(name); err != nil {
				t.Fatal(err)
			}
			if n := loaded(); n != 0 {
				t.Errorf("%d prints loaded, want none", n)
			}
		})
	}
}

// TestDeleteWithoutKeys: a person can be deleted where the key file is lost, which leaves a receipt that names and proves nobody.
func TestDeleteWithoutKeys(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	if _, err := o.enrol(Request{Speaker: "anna", ConsentRef: "r", Consent: vouched("web")}, o.customer); err != nil {
		t.Fatal(err)
	}
	r, err := DeleteWithoutKeys(ctx, o.db, "default", "tester", "anna")
	if err != nil || r.Destroyed["keys"] != 1 || r.Destroyed["voiceprints"] != 1 || r.Destroyed["consents"] != 1 || r.Pseudonym != "" || r.Signature != "" || r.AuditSeq == 0 || r.DeletedAt.IsZero() {
		t.Errorf("%+v, %v", r, err)
	}
	if last, err := o.rows.VerifyAudit(ctx); err != nil || last.Seq != r.AuditSeq || last.Action != "delete" || last.Actor != "tester" || last.Subject != "" || last.Detail["voiceprints"] != "1" {
		t.Errorf("the last audit entry: %+v, %v", last, err)
	}
	if r, err := DeleteWithoutKeys(ctx, o.db, "default", "tester", "anna"); r != nil || !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of whom nothing is kept: %+v, %v, want ErrNotFound", r, err)
	}
}
