package identity

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/server/store"
)

var reader = Model{Name: "emotion-tdnn-v1", Version: "1.0.0", SHA256: strings.Repeat("cd", 32)}

func (d *desk) agreed(t *testing.T, speaker, purpose, channel string) {
	t.Helper()
	if _, err := d.GiveConsent(t.Context(), "tester", store.Consent{SpeakerID: speaker, Ref: "crm-" + purpose, Purpose: purpose, Channel: channel}); err != nil {
		t.Fatal(err)
	}
}

// keep adds a letter to what is kept of a person.
func (d *desk) keep(t *testing.T, speaker, letter string, rules Rules) {
	t.Helper()
	if err := d.KeepNormal(t.Context(), "tester", speaker, reader, rules, func(kept []byte) ([]byte, int64, error) {
		return append(kept, letter...), int64(1000 * (len(kept) + 1)), nil
	}); err != nil {
		t.Fatal(err)
	}
}

func (d *desk) normal(t *testing.T, speaker string) string {
	t.Helper()
	b, err := d.Normal(t.Context(), speaker, reader, DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestNormalIsKeptCallByCall(t *testing.T) {
	onBoth(t, func(t *testing.T, d *desk) {
		d.agreed(t, "anna", PurposeAnalytics, "call")
		if got := d.normal(t, "anna"); got != "" {
			t.Errorf("%q before the first call", got)
		}
		for _, letter := range []string{"a", "b", "c"} {
			d.keep(t, "anna", letter, DefaultRules())
		}
		if got := d.normal(t, "anna"); got != "abc" {
			t.Errorf("%q kept, want abc", got)
		}
		rows, err := d.Normals(t.Context(), "anna")
		if err != nil || len(rows) != 1 || rows[0].Calls != 3 || rows[0].SpeechMs != 3000 || bytes.Contains(rows[0].Sealed, []byte("abc")) || rows[0].ConsentRef != "crm-analytics" {
			t.Errorf("%+v, %v", rows, err)
		}
		if a := d.audited(t, "anna"); !slices.Equal(a, []string{"consent", "keep_normal"}) {
			t.Errorf("audit %v, want the first call alone", a)
		}
		if _, err := d.rows.Speaker(t.Context(), "anna"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%v: a consent to analytics enrols nobody", err)
		}
		other := reader
		other.SHA256 = strings.Repeat("ef", 32)
		if b, err := d.Normal(t.Context(), "anna", other, DefaultRules()); b != nil || err != nil {
			t.Errorf("another model reads %q, %v", b, err)
		}
		if err := d.KeepNormal(t.Context(), "tester", "anna", reader, DefaultRules(), func([]byte) ([]byte, int64, error) { return nil, 0, nil }); err != nil || d.normal(t, "anna") != "abc" {
			t.Errorf("%v: nothing to add changed what is kept", err)
		}
	})
}

// TestNormalNeedsAConsentOfItsOwn: what stands in the way of keeping stands in the way of using what was kept before.
func TestNormalNeedsAConsentOfItsOwn(t *testing.T) {
	release := DefaultRules()
	release.ReleaseRequired = true
	cases := []struct {
		name string
		rule Rules
		do   func(t *testing.T, d *desk, who string)
		want bool
	}{
		{"consented", DefaultRules(), func(t *testing.T, d *desk, who string) { d.agreed(t, who, PurposeAnalytics, "call") }, true},
		{"nobody_asked", DefaultRules(), func(*testing.T, *desk, string) {}, false},
		{"to_verification_alone", DefaultRules(), func(t *testing.T, d *desk, who string) { d.agreed(t, who, PurposeVerify, "web") }, false},
		{"no_release", release, func(t *testing.T, d *desk, who string) { d.agreed(t, who, PurposeAnalytics, "call") }, false},
		{"a_release", release, func(t *testing.T, d *desk, who string) { d.agreed(t, who, PurposeAnalytics, "web") }, true},
		{"expired", DefaultRules(), func(t *testing.T, d *desk, who string) {
			if _, err := d.GiveConsent(t.Context(), "tester", store.Consent{SpeakerID: who, Ref: "r", Purpose: PurposeAnalytics, ExpiresAt: d.clock.now().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
			d.clock.advance(2 * time.Hour)
		}, false},
		{"withdrawn", DefaultRules(), func(t *testing.T, d *desk, who string) {
			d.agreed(t, who, PurposeAnalytics, "call")
			if _, err := d.WithdrawConsent(t.Context(), "tester", who, PurposeAnalytics); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"opted_out", DefaultRules(), func(t *testing.T, d *desk, who string) {
			if _, err := d.OptOut(t.Context(), "tester", who, "letter"); err != nil {
				t.Fatal(err)
			}
			d.agreed(t, who, PurposeAnalytics, "call")
		}, false},
	}
	onBoth(t, func(t *testing.T, d *desk) {
		for _, c := range cases {
			c.do(t, d, c.name)
			called := false
			err := d.KeepNormal(t.Context(), "tester", c.name, reader, c.rule, func([]byte) ([]byte, int64, error) { called = true; return []byte("x"), 1, nil })
			b, e := d.Normal(t.Context(), c.name, reader, c.rule)
			if err != nil || e != nil || called != c.want || (b != nil) != c.want {
				t.Errorf("%s: called %t, kept %q, %v, %v; want %t", c.name, called, b, err, e, c.want)
			}
			if rows, err := d.Normals(t.Context(), c.name); err != nil || len(rows) > 0 != c.want {
				t.Errorf("%s: %d rows, %v", c.name, len(rows), err)
			}
		}
	})
}

// TestNormalIsDestroyed: whatever ends it, the row is gone, the bytes of a copy from before stay shut for the key file of now, and another
// person's stay.
func TestNormalIsDestroyed(t *testing.T) {
	sweep := func(t *testing.T, d *desk, want Swept) {
		t.Helper()
		if s, err := d.Sweep(t.Context(), "server", anywhere); err != nil || s != want {
			t.Errorf("%+v, %v, want %+v", s, err, want)
		}
	}
	for _, c := range []struct {
		name   string
		do     func(t *testing.T, d *desk)
		action string // the last of the audit log about the person
		print  bool   // that the person has stays
	}{
		{"deleted", func(t *testing.T, d *desk) {
			r, err := d.Delete(t.Context(), "tester", "anna", "request")
			if err != nil || r.Destroyed["voice_normals"] != 1 {
				t.Errorf("%+v, %v", r, err)
			}
		}, "delete", false},
		{"opted_out", func(t *testing.T, d *desk) {
			if _, err := d.OptOut(t.Context(), "tester", "anna", "letter"); err != nil {
				t.Fatal(err)
			}
		}, "delete", false},
		{"withdrawn", func(t *testing.T, d *desk) {
			if n, err := d.WithdrawConsent(t.Context(), "tester", "anna", PurposeAnalytics); err != nil || n != 1 {
				t.Fatal(n, err)
			}
		}, "delete_normal", true},
		{"all_withdrawn", func(t *testing.T, d *desk) {
			if n, err := d.WithdrawConsent(t.Context(), "tester", "anna", ""); err != nil || n != 2 {
				t.Fatal(n, err)
			}
		}, "delete_normal", true},
		{"unused", func(t *testing.T, d *desk) {
			d.clock.advance(30 * 31 * 24 * time.Hour)
			if err := d.rows.UsedSpeaker(t.Context(), "anna"); err != nil { // her print was compared with
				t.Fatal(err)
			}
			d.clock.advance(10 * 31 * 24 * time.Hour)
			if got := d.normal(t, "anna"); got != "" {
				t.Errorf("%q is used after its time", got)
			}
			d.keep(t, "bert", "b", DefaultRules()) // finds his out of time as well, and begins anew
			if got := d.normal(t, "bert"); got != "b" {
				t.Errorf("%q kept of bert", got)
			}
			sweep(t, d, Swept{Normals: 1})
		}, "delete_normal", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, d *desk) {
				d.enrolled(t, "anna", []byte("print"))
				for _, s := range []string{"anna", "bert"} {
					d.agreed(t, s, PurposeAnalytics, "call")
					d.keep(t, s, "a", DefaultRules())
				}
				before, err := d.rows.VoiceNormal(t.Context(), "anna", reader.SHA256)
				if err != nil {
					t.Fatal(err)
				}
				if b, err := d.openNormal(t.Context(), &before); err != nil || string(b) != "a" {
					t.Fatalf("%q, %v: does not open before", b, err)
				}
				c.do(t, d)
				if rows, err := d.Normals(t.Context(), "anna"); err != nil || len(rows) > 0 {
					t.Errorf("%d rows, %v", len(rows), err)
				}
				if b, err := d.openNormal(t.Context(), &before); !errors.Is(err, ErrKeyDestroyed) || b != nil {
					t.Errorf("the copy opens: %q, %v", b, err)
				}
				if a := d.audited(t, "anna"); a[len(a)-1] != c.action {
					t.Errorf("audit %v, want %s last", a, c.action)
				}
				if rows, err := d.Normals(t.Context(), "bert"); err != nil || len(rows) != 1 {
					t.Errorf("another person's: %d rows, %v", len(rows), err)
				}
				if v, err := d.printOf(t.Context(), "anna", tdnn, store.EnrolmentActive); err != nil || (v != nil) != c.print {
					t.Errorf("the print: %v, %v", v, err)
				} else if v != nil {
					if b, err := d.open(t.Context(), v); err != nil || string(b) != "print" {
						t.Errorf("the print does not open: %q, %v", b, err)
					}
				}
			})
		})
	}
}

func TestHeldNormalIsNotUsedAndGoesLater(t *testing.T) {
	onBoth(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		d.agreed(t, "anna", PurposeAnalytics, "call")
		d.keep(t, "anna", "a", DefaultRules())
		h, err := d.Hold(ctx, "counsel", "anna", "case 4711")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := d.WithdrawConsent(ctx, "tester", "anna", ""); err != nil || n != 1 {
			t.Errorf("%d, %v: the withdrawal holds, whatever has to stay", n, err)
		}
		if got := d.normal(t, "anna"); got != "" {
			t.Errorf("%q is used without a consent", got)
		}
		if s, err := d.Sweep(ctx, "server", anywhere); err != nil || s != (Swept{Held: 1}) {
			t.Errorf("%+v, %v", s, err)
		}
		if err := d.Release(ctx, "counsel", h.ID); err != nil {
			t.Fatal(err)
		}
		if s, err := d.Sweep(ctx, "server", anywhere); err != nil || s != (Swept{Normals: 1}) {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

func TestNormalSurvivesRotation(t *testing.T) {
	onBoth(t, func(t *testing.T, d *desk) {
		for _, s := range []string{"anna", "bert"} {
			d.agreed(t, s, PurposeAnalytics, "call")
			d.keep(t, s, "a", DefaultRules())
		}
		before, err := d.rows.VoiceNormal(t.Context(), "anna", reader.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Rotate(t.Context(), "tester", d.keys); err != nil {
			t.Fatal(err)
		}
		after, err := d.rows.VoiceNormal(t.Context(), "anna", reader.SHA256)
		if err != nil || after.KeyID == before.KeyID || bytes.Equal(after.Wrapped, before.Wrapped) || !bytes.Equal(after.Sealed, before.Sealed) {
			t.Errorf("%v: want the key wrapped anew and what it seals as it was", err)
		}
		d.keep(t, "anna", "b", DefaultRules())
		if a, b := d.normal(t, "anna"), d.normal(t, "bert"); a != "ab" || b != "a" {
			t.Errorf("%q and %q after the rotation", a, b)
		}
		if b, err := d.openNormal(t.Context(), &before); err == nil {
			t.Errorf("the key of before opens %q", b)
		}
	})
}

func TestCallsThatEndAtOnceAllCount(t *testing.T) {
	onBoth(t, func(t *testing.T, d *desk) {
		d.agreed(t, "anna", PurposeAnalytics, "call")
		var all sync.WaitGroup
		for range normalTries - 1 { // each loses to each other one at most once
			all.Go(func() { d.keep(t, "anna", "x", DefaultRules()) })
		}
		all.Wait()
		if got := d.normal(t, "anna"); got != strings.Repeat("x", normalTries-1) {
			t.Errorf("%q kept", got)
		}
	})
}

// TestSealedNormalOpensForNothingElse: not as a print, not for another person, tenant or model.
func TestSealedNormalOpensForNothingElse(t *testing.T) {
	v, _ := newVault(t)
	ctx := t.Context()
	of := Binding{Subject: Subject{Tenant: "a", Speaker: "anna"}, Model: "m", ModelVersion: "1"}
	key, err := v.NewPersonKey(ctx, of.Subject)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := v.SealNormal(ctx, of, key, []byte("normal"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := v.OpenNormal(ctx, of, key, sealed); err != nil || string(b) != "normal" {
		t.Fatalf("%q, %v", b, err)
	}
	if b, err := v.Open(ctx, of, key, sealed); !errors.Is(err, ErrEnvelope) || b != nil {
		t.Errorf("opens as a print: %q, %v", b, err)
	}
	print, err := v.Seal(ctx, of, key, []byte("print"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := v.OpenNormal(ctx, of, key, print); !errors.Is(err, ErrEnvelope) || b != nil {
		t.Errorf("a print opens as a normal: %q, %v", b, err)
	}
	copy(print, kindNormal)
	if b, err := v.OpenNormal(ctx, of, key, print); !errors.Is(err, ErrSealBroken) || b != nil {
		t.Errorf("a print with another head opens: %q, %v", b, err)
	}
	other := of
	other.Model = "n"
	if b, err := v.OpenNormal(ctx, other, key, sealed); !errors.Is(err, ErrSealBroken) || b != nil {
		t.Errorf("opens for another model: %q, %v", b, err)
	}
	other = of
	other.Speaker = "bert"
	if b, err := v.OpenNormal(ctx, other, key, sealed); err == nil || b != nil {
		t.Errorf("opens for another person: %q", b)
	}
}
