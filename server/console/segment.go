package console

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/timbre-voice/timbre/interaction"
)

// segmentView is what is known of one segment, with the form that corrects it.
type segmentView struct {
	Call      string
	S         interaction.Segment
	Role      interaction.Role
	Classes   []classShare
	Choices   []string
	Others    []interaction.Participant
	MayReview bool
}

type classShare struct {
	Label       string
	Probability float64
}

// emotionClasses are the labels that a correction may name beside those of the record's own model. Read only.
var emotionClasses = []string{"angry", "happy", "neutral", "sad"}

// segment shows one segment.
func (c *Console) segment(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	rec, err := c.visible(r.Context(), v, r.PathValue("id"))
	if err != nil {
		return err
	}
	d, err := segmentOf(rec, r.PathValue("segment"))
	if err != nil {
		return err
	}
	d.MayReview = v.may(review) && rec.Contact.State != interaction.StateLive
	return c.part(w, r, v, "call", "segment", d)
}

func segmentOf(rec *interaction.Interaction, id string) (segmentView, error) {
	i := slices.IndexFunc(rec.Segments, func(s interaction.Segment) bool { return s.ID == id })
	if i < 0 {
		return segmentView{}, ErrNotFound
	}
	d := segmentView{Call: rec.Contact.ID, S: rec.Segments[i], Role: roleOf(rec, rec.Segments[i].ParticipantID)}
	if e := d.S.Emotion; e != nil {
		for label, p := range e.Probabilities {
			d.Classes = append(d.Classes, classShare{label, p})
		}
		slices.SortFunc(d.Classes, func(a, b classShare) int {
			return cmp.Or(cmp.Compare(b.Probability, a.Probability), cmp.Compare(a.Label, b.Label))
		})
		d.Choices = slices.Clone(emotionClasses)
		for _, k := range d.Classes {
			if !slices.Contains(d.Choices, k.Label) {
				d.Choices = append(d.Choices, k.Label)
			}
		}
	}
	for _, p := range rec.Participants {
		if p.ID != d.S.ParticipantID {
			d.Others = append(d.Others, p)
		}
	}
	return d, nil
}

// correct keeps a reviewer's word against a label.
func (c *Console) correct(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	rec, err := c.visible(r.Context(), v, r.PathValue("id"))
	if err != nil {
		return err
	}
	d, err := segmentOf(rec, r.PathValue("segment"))
	if err != nil {
		return err
	}
	field, to := r.PostFormValue("field"), r.PostFormValue("to")
	switch {
	case field == "emotion" && slices.Contains(d.Choices, to):
	case field == "participant" && slices.ContainsFunc(d.Others, func(p interaction.Participant) bool { return p.ID == to }):
	default:
		return invalidf("correction: %s to %q, want a label or participant of this call", field, to)
	}
	k := interaction.Correction{Field: field, To: to, By: v.User.Login}
	if err := c.tenant(v).AddCorrection(r.Context(), rec.Contact.ID, d.S.ID, k); err != nil {
		return err
	}
	if err := c.note(r.Context(), v, "correct", rec.Contact.ID, map[string]string{"segment": d.S.ID, "field": field, "to": to}); err != nil {
		return err
	}
	if r.Header.Get("HX-Request") == "" {
		return back(w, r, callPath(rec.Contact.ID))
	}
	return c.segment(w, r, v)
}
