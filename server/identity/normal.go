package identity

import (
	"context"
	"errors"
	"strconv"

	"github.com/timbre-voice/timbre/server/store"
)

// PurposeAnalytics is the purpose of a consent under which is kept what calls of a person say of the voice's own normal. One to
// verification does not cover it: that is another purpose.
const PurposeAnalytics = "analytics"

// VoiceNormals is the sealed statistics of what voices are like.
type VoiceNormals interface {
	SaveVoiceNormal(ctx context.Context, v store.VoiceNormal, consent string) error
	VoiceNormal(ctx context.Context, speaker, modelSHA256 string) (store.VoiceNormal, error)
	VoiceNormalsOf(ctx context.Context, speaker string) ([]store.VoiceNormal, error)
	VoiceNormals(ctx context.Context, p store.Page) (store.List[store.VoiceNormal], error)
	VoiceNormalsNotUnder(ctx context.Context, keyID string, p store.Page) (store.List[store.VoiceNormal], error)
	RewrapVoiceNormal(ctx context.Context, oldKeyID string, v store.VoiceNormal) error
	DeleteVoiceNormals(ctx context.Context, speaker string) ([]store.VoiceNormal, error)
}

// normalTries bounds how often a call that another one was faster than is tried again.
const normalTries = 5

// Normal returns, opened, what is kept of a person's normal for a model; nil where nothing may be used: the person opted out, no consent to
// analytics is in force, it was last added to longer ago than the rules keep it, or there is none for the model.
func (r *Registry) Normal(ctx context.Context, speaker string, m Model, rules Rules) ([]byte, error) {
	if c, err := r.mayKeepNormal(ctx, speaker, rules); err != nil || c == nil {
		return nil, err
	}
	v, err := r.rows.VoiceNormal(ctx, speaker, m.SHA256)
	if errors.Is(err, store.ErrNotFound) || err == nil && !r.inTime(&v, rules) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return r.openNormal(ctx, &v)
}

// mayKeepNormal returns the consent under which a person's normal may be kept and used; nil where it may not.
func (r *Registry) mayKeepNormal(ctx context.Context, speaker string, rules Rules) (*store.Consent, error) {
	if out, err := r.OptedOut(ctx, speaker); err != nil || out {
		return nil, err
	}
	c, _, err := r.consentTo(ctx, PurposeAnalytics, speaker, "", rules.ReleaseRequired)
	return c, err
}

// inTime reports whether a normal was added to as lately as an unused print would be kept.
func (r *Registry) inTime(v *store.VoiceNormal, rules Rules) bool {
	return v.UpdatedAt.AddDate(0, rules.PrintUnusedMonths, 0).After(r.now())
}

func (r *Registry) openNormal(ctx context.Context, v *store.VoiceNormal) ([]byte, error) {
	return r.vault.OpenNormal(ctx, r.normalBinding(v), v.Wrapped, v.Sealed)
}

func (r *Registry) normalBinding(v *store.VoiceNormal) Binding {
	return Binding{Subject: r.subject(v.SpeakerID), Model: v.Model, ModelVersion: v.ModelVersion}
}

// KeepNormal keeps what add makes of a person's normal: it is given what is kept, opened, or nil, and returns what is to be kept, with the
// speech that it weighs; nil leaves everything as it is. Nothing is kept, and add not called, where Normal would return nothing for want of a
// consent. add is called again where another call was faster.
func (r *Registry) KeepNormal(ctx context.Context, by, speaker string, m Model, rules Rules, add func(kept []byte) (plain []byte, speechMs int64, err error)) error {
	for try := 1; ; try++ {
		c, err := r.mayKeepNormal(ctx, speaker, rules)
		if err != nil || c == nil {
			return err
		}
		err = r.keepNormal(ctx, by, speaker, m, rules, c, add)
		switch {
		case errors.Is(err, store.ErrNotFound), errors.Is(err, ErrHeld): // withdrawn meanwhile, or over and under a legal hold
			return nil
		case !errors.Is(err, store.ErrConflict) || try == normalTries:
			return err
		}
	}
}

func (r *Registry) keepNormal(ctx context.Context, by, speaker string, m Model, rules Rules, c *store.Consent, add func([]byte) ([]byte, int64, error)) error {
	var kept []byte
	first := store.VoiceNormal{SpeakerID: speaker, ModelSHA256: m.SHA256, Model: m.Name, ModelVersion: m.Version}
	v, err := r.rows.VoiceNormal(ctx, speaker, m.SHA256)
	switch {
	case errors.Is(err, store.ErrNotFound):
		v = first
	case err != nil:
		return err
	case !r.inTime(&v, rules): // the sweep has not been here yet
		if err := r.forgetNormals(ctx, by, speaker, "retention"); err != nil {
			return err
		}
		v = first
	default:
		if kept, err = r.openNormal(ctx, &v); err != nil {
			return err
		}
	}
	plain, ms, err := add(kept)
	if err != nil || plain == nil {
		return err
	}
	if kept == nil {
		if v.Wrapped, err = r.vault.NewPersonKey(ctx, r.subject(speaker)); err != nil {
			return err
		}
		id, err := WrappedBy(v.Wrapped)
		if err != nil {
			return err
		}
		v.KeyID = id.String()
	}
	v.ConsentRef, v.SpeechMs, v.Calls = c.Ref, ms, v.Calls+1
	if v.Sealed, err = r.vault.SealNormal(ctx, r.normalBinding(&v), v.Wrapped, plain); err != nil {
		return err
	}
	if err := r.rows.SaveVoiceNormal(ctx, v, c.ID); err != nil || v.Calls > 1 {
		return err
	}
	_, err = r.log(ctx, by, "keep_normal", speaker, map[string]string{"consent": c.ID, "model": v.Model, "model_version": v.ModelVersion})
	return err
}

// Normals describes what is kept of a person's normal, which stays sealed.
func (r *Registry) Normals(ctx context.Context, speaker string) ([]store.VoiceNormal, error) {
	return r.rows.VoiceNormalsOf(ctx, speaker)
}

// forgetNormals destroys what is kept of a person's normal, in the database and, for the copies of it that are elsewhere, what unwraps its
// keys in the key file. Errors: ErrHeld.
func (r *Registry) forgetNormals(ctx context.Context, by, speaker, cause string) error {
	gone, err := r.rows.DeleteVoiceNormals(ctx, speaker)
	if errors.Is(err, store.ErrConflict) {
		return errors.Join(r.refuse(ctx, by, "delete_normal", speaker, ErrHeld, "a legal hold is in force"), err)
	}
	if err != nil || len(gone) == 0 {
		return err
	}
	ctx = context.WithoutCancel(ctx) // the rest is not the caller's to give up: copies of the rows are elsewhere
	if err := r.forgetKeys(ctx, gone); err != nil {
		return err
	}
	_, err = r.log(ctx, by, "delete_normal", speaker, map[string]string{"cause": cause, "voice_normals": strconv.Itoa(len(gone))})
	return err
}

// forgetKeys destroys what unwraps the keys of normals.
func (r *Registry) forgetKeys(ctx context.Context, of []store.VoiceNormal) error {
	var errs []error
	for i := range of {
		errs = append(errs, r.keys.Forget(ctx, r.subject(of[i].SpeakerID), of[i].Wrapped))
	}
	return errors.Join(errs...)
}

// sweepNormals destroys the normals whose time is over, or that no consent in force covers, and counts them in n.
func (r *Registry) sweepNormals(ctx context.Context, by string, rules func(jurisdiction string) Rules, n *Swept) error {
	for v, err := range store.Every(ctx, r.rows.VoiceNormals) {
		if err != nil {
			return err
		}
		cause, err := r.normalDue(ctx, &v, rules)
		if err != nil {
			return err
		}
		if cause == "" {
			continue
		}
		switch err := r.forgetNormals(ctx, by, v.SpeakerID, cause); {
		case errors.Is(err, ErrHeld):
			n.Held++
		case err != nil:
			return err
		default:
			n.Normals++
		}
	}
	return nil
}

// normalDue returns why the time of a normal is over, or "".
func (r *Registry) normalDue(ctx context.Context, v *store.VoiceNormal, rules func(jurisdiction string) Rules) (string, error) {
	where, err := r.Jurisdiction(ctx, v.SpeakerID)
	if err != nil {
		return "", err
	}
	its := rules(where)
	if !r.inTime(v, its) {
		return "retention", nil
	}
	c, err := r.mayKeepNormal(ctx, v.SpeakerID, its)
	if err != nil || c != nil {
		return "", err
	}
	return "consent_ended", nil
}

// rewrapNormals is the part of a rotation that wraps the keys of normals anew; it returns how many.
func (r *Registry) rewrapNormals(ctx context.Context, present string) (int, error) {
	n := 0
	for {
		list, err := r.rows.VoiceNormalsNotUnder(ctx, present, store.Page{Limit: 200}) // from the start each time, as in Resume
		if err != nil || len(list.Items) == 0 {
			return n, err
		}
		for _, v := range list.Items {
			old := v.KeyID
			wrapped, err := r.vault.Rewrap(ctx, r.subject(v.SpeakerID), v.Wrapped)
			if err != nil {
				return n, err
			}
			v.KeyID, v.Wrapped = present, wrapped
			err = r.rows.RewrapVoiceNormal(ctx, old, v)
			if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) { // deleted, or wrapped by another
				continue
			}
			if err != nil {
				return n, err
			}
			n++
		}
	}
}
