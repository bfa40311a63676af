package store

import "testing"

func TestVoiceNormalGrowsCallByCall(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		c := ok(w.a.AddConsent(ctx, Consent{SpeakerID: "anna", Ref: "r", Purpose: "analytics"}))(t)
		first := normalOf("anna", "x")
		must(t, w.a.SaveVoiceNormal(ctx, first, c.ID))
		code(t, w.a.SaveVoiceNormal(ctx, first, c.ID), "conflict")
		v := ok(w.a.VoiceNormal(ctx, "anna", "sha"))(t)
		if v.CreatedAt.IsZero() || !v.CreatedAt.Equal(v.UpdatedAt) {
			t.Errorf("created %v, updated %v", v.CreatedAt, v.UpdatedAt)
		}
		next, late := v, v
		next.Calls, next.SpeechMs, next.Sealed, next.KeyID, next.Wrapped = 2, 18000, []byte("two"), "old", []byte("old")
		must(t, w.a.SaveVoiceNormal(ctx, next, c.ID))
		late.Calls = 2
		code(t, w.a.SaveVoiceNormal(ctx, late, c.ID), "conflict")
		got := ok(w.a.VoiceNormal(ctx, "anna", "sha"))(t)
		if !got.UpdatedAt.After(v.UpdatedAt) {
			t.Errorf("updated %v, was %v", got.UpdatedAt, v.UpdatedAt)
		}
		next.UpdatedAt, next.KeyID, next.Wrapped = got.UpdatedAt, "x", []byte("x") // the key stays
		equal(t, got, next)
		_, err := w.a.VoiceNormal(ctx, "anna", "of another model")
		code(t, err, "not_found")

		// Deleted and begun anew in between: what was read is of another life.
		ok(w.a.DeleteVoiceNormals(ctx, "anna"))(t)
		must(t, w.a.SaveVoiceNormal(ctx, first, c.ID))
		again := v
		again.Calls = 2
		code(t, w.a.SaveVoiceNormal(ctx, again, c.ID), "conflict")
	})
}

func TestVoiceNormalIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		c := ok(w.a.AddConsent(ctx, Consent{SpeakerID: "anna", Ref: "r", Purpose: "analytics"}))(t)
		for name, x := range map[string]struct {
			change  func(v *VoiceNormal)
			consent string
			want    string
		}{
			"no_consent_ref":     {func(v *VoiceNormal) { v.ConsentRef = "" }, c.ID, "invalid"},
			"nothing_sealed":     {func(v *VoiceNormal) { v.Sealed = nil }, c.ID, "invalid"},
			"no_key":             {func(v *VoiceNormal) { v.Wrapped = nil }, c.ID, "invalid"},
			"no_call":            {func(v *VoiceNormal) { v.Calls = 0 }, c.ID, "invalid"},
			"negative_speech":    {func(v *VoiceNormal) { v.SpeechMs = -1 }, c.ID, "invalid"},
			"nobody":             {func(v *VoiceNormal) { v.SpeakerID = "" }, c.ID, "not_found"},
			"unknown_consent":    {func(*VoiceNormal) {}, "x", "not_found"},
			"another_s_consent":  {func(v *VoiceNormal) { v.SpeakerID = "bert" }, c.ID, "not_found"},
			"of_a_row_never_was": {func(v *VoiceNormal) { v.Calls = 2 }, c.ID, "conflict"},
		} {
			v := normalOf("anna", "x")
			x.change(&v)
			if got := Code(w.a.SaveVoiceNormal(ctx, v, x.consent)); got != x.want {
				t.Errorf("%s: %q, want %q", name, got, x.want)
			}
		}
		code(t, w.b.SaveVoiceNormal(ctx, normalOf("anna", "x"), c.ID), "not_found")
		ok(w.a.WithdrawConsents(ctx, "anna", "analytics"))(t)
		code(t, w.a.SaveVoiceNormal(ctx, normalOf("anna", "x"), c.ID), "not_found")
		equal(t, len(ok(w.a.VoiceNormals(ctx, Page{}))(t).Items), 0)
	})
}

func TestVoiceNormalsGoWithThePerson(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		for _, at := range []*Tenant{w.a, w.b} { // no speaker: nobody was enrolled
			c := ok(at.AddConsent(ctx, Consent{SpeakerID: "anna", Ref: "r", Purpose: "analytics"}))(t)
			must(t, at.SaveVoiceNormal(ctx, normalOf("anna", "x"), c.ID))
			other := normalOf("anna", "x")
			other.ModelSHA256 = "other"
			must(t, at.SaveVoiceNormal(ctx, other, c.ID))
		}
		h := ok(w.a.PlaceHold(ctx, Hold{Kind: HoldSpeaker, Subject: "anna", Reason: "court"}))(t)
		_, err := w.a.DeleteVoiceNormals(ctx, "anna")
		code(t, err, "conflict")
		must(t, w.a.ReleaseHold(ctx, h.ID, "x"))
		equal(t, ok(w.a.DeleteSpeaker(ctx, "anna"))(t), Deletion{Consents: 1, VoiceNormals: 2})
		equal(t, len(ok(w.a.VoiceNormalsOf(ctx, "anna"))(t)), 0)
		gone := ok(w.b.DeleteVoiceNormals(ctx, "anna"))(t)
		if len(gone) != 2 || string(gone[0].Wrapped) != "x" {
			t.Errorf("%d deleted, want two with their keys", len(gone))
		}
		equal(t, len(ok(w.b.DeleteVoiceNormals(ctx, "anna"))(t)), 0)
		equal(t, len(ok(w.b.Consents(ctx, "anna"))(t)), 1)
	})
}

func TestRewrapVoiceNormal(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		c := ok(w.a.AddConsent(ctx, Consent{SpeakerID: "anna", Ref: "r", Purpose: "analytics"}))(t)
		must(t, w.a.SaveVoiceNormal(ctx, normalOf("anna", "k1"), c.ID))
		left := ok(w.a.VoiceNormalsNotUnder(ctx, "k2", Page{}))(t).Items
		equal(t, len(left), 1)
		v := left[0]
		v.KeyID, v.Wrapped = "k2", []byte("anew")
		must(t, w.a.RewrapVoiceNormal(ctx, "k1", v))
		code(t, w.a.RewrapVoiceNormal(ctx, "k1", v), "conflict")
		equal(t, len(ok(w.a.VoiceNormalsNotUnder(ctx, "k2", Page{}))(t).Items), 0)
		equal(t, ok(w.a.VoiceNormal(ctx, "anna", "sha"))(t), v)
		v.Wrapped = nil
		code(t, w.a.RewrapVoiceNormal(ctx, "k2", v), "invalid")
		v.SpeakerID, v.Wrapped = "bert", []byte("x")
		code(t, w.a.RewrapVoiceNormal(ctx, "k2", v), "not_found")
	})
}

// TestWithdrawalAndACallThatEndsMeet: while the end of a call writes under a consent, its withdrawal waits; what is deleted after the
// withdrawal holds that row.
func TestWithdrawalAndACallThatEndsMeet(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		for range 20 {
			c := ok(w.a.AddConsent(ctx, Consent{SpeakerID: "anna", Ref: "r", Purpose: "analytics"}))(t)
			saved := make(chan error, 1)
			go func() { saved <- w.a.SaveVoiceNormal(ctx, normalOf("anna", "x"), c.ID) }()
			ok(w.a.WithdrawConsents(ctx, "anna", ""))(t)
			ok(w.a.DeleteVoiceNormals(ctx, "anna"))(t)
			if err := <-saved; err != nil && Code(err) != "not_found" {
				t.Fatal(err)
			}
			if left := ok(w.a.VoiceNormalsOf(ctx, "anna"))(t); len(left) > 0 {
				t.Fatal("a row is left that no consent covers")
			}
		}
	})
}
