package eval

import (
	"github.com/timbre-voice/timbre/engine/timeline"
	"github.com/timbre-voice/timbre/engine/vad"
)

// minSpeech is the least speech, in samples, that the detector must find for its word to count.
const minSpeech = vad.Rate * 3 / 10

// Speech returns where the speech of clip x begins and ends, pauses inside included: what a session would hand to the model as one
// segment. Where the detector finds less than 0.3 s, it is all of x, since a clip of a corpus is known to be speech. limit bounds
// the speech taken, in samples counted without pauses; 0 is no limit.
func Speech(d *vad.Detector, x []float32, limit int64) timeline.Interval {
	var found []timeline.Interval
	collect := func(e vad.Event) {
		if e.Kind == vad.KindSpeech && e.Type == vad.End {
			found = append(found, e.Interval)
		}
	}
	d.Write(x, collect)
	d.Flush(collect)
	speech := timeline.NewSet(found...)
	out := timeline.Interval{End: int64(len(x))}
	if speech.Len() >= minSpeech {
		out = timeline.Interval{Start: speech[0].Start, End: min(speech[len(speech)-1].End, int64(len(x)))}
	}
	if limit <= 0 {
		return out
	}
	left := limit
	for _, v := range speech.Crop(out) {
		if v.Len() >= left {
			return timeline.Interval{Start: out.Start, End: v.Start + left}
		}
		left -= v.Len()
	}
	if speech.Len() < minSpeech {
		out.End = min(out.End, limit)
	}
	return out
}
