package console

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
)

// peakCount is how many parts a waveform is drawn of: at four times the width of a wide page still about one a pixel.
const peakCount = 6000

// whyNoAudio returns why v cannot play a call, as a key of the catalogue, or "" where v can.
func (c *Console) whyNoAudio(ctx context.Context, v *Visitor, r *interaction.Interaction) string {
	switch {
	case r.Contact.State == interaction.StateLive:
		return "audio.live"
	case r.Contact.Audio.Kept == "none" || r.Contact.Audio.Kept == "":
		return "audio.none"
	case r.Contact.Audio.ExpiresAt != nil && r.Contact.Audio.ExpiresAt.Before(c.opts.Now()):
		return "audio.expired"
	case !v.may(listen) && !v.may(ownReviews):
		return "audio.forbidden"
	case c.opts.Audio == nil:
		return "audio.unavailable"
	}
	return c.opts.Audio.Available(ctx, r)
}

// audio plays a call. That somebody listened is in the audit log.
func (c *Console) audio(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	rec, err := c.visible(r.Context(), v, r.PathValue("id"))
	if err != nil {
		return err
	}
	switch why := c.whyNoAudio(r.Context(), v, rec); why {
	case "":
	case "audio.forbidden":
		return errForbidden
	default:
		return ErrNotFound
	}
	// A player asks for many ranges; the first begins at the start.
	if from := r.Header.Get("Range"); from == "" || strings.HasPrefix(from, "bytes=0-") {
		if err := c.note(r.Context(), v, "listen", rec.Contact.ID, nil); err != nil {
			return err
		}
	}
	return c.opts.Audio.Serve(w, r, rec)
}

// peaksOf returns the waveform: for each channel, largest magnitudes as bytes, 255 for full scale, in base 64.
func (c *Console) peaksOf(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	rec, err := c.visible(r.Context(), v, r.PathValue("id"))
	if err != nil {
		return err
	}
	if c.whyNoAudio(r.Context(), v, rec) != "" {
		return ErrNotFound
	}
	body, err := c.peaks.get(v.Tenant+"/"+rec.Contact.ID, func() ([]byte, error) {
		x, err := c.opts.Audio.Peaks(r.Context(), rec, peakCount)
		if err != nil {
			return nil, err
		}
		out := make([]string, len(x))
		for ch, parts := range x {
			b := make([]byte, len(parts))
			for i, p := range parts {
				b[i] = byte(math.Round(255 * float64(min(max(p, 0), 1))))
			}
			out[ch] = base64.StdEncoding.EncodeToString(b)
		}
		return json.Marshal(map[string]any{"channels": out})
	})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "private, max-age=3600")
	_, _ = w.Write(body) // a browser that is gone needs no answer
	return nil
}
