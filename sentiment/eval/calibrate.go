package eval

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/timbre-voice/timbre/sentiment"
)

// ErrCalibrate says that clips do not carry a calibration.
var ErrCalibrate = errors.New("eval: cannot calibrate")

// What a calibration wants at least. Fifty clips take a model on an unseen corpus about as far as two hundred do (card of emotion-tdnn-v1).
const (
	MinClips    = 50
	MinPerClass = 5
	MinSpeakers = 4
	folds       = 5
	minScale    = 0.05 // a fit below it says that the scores and the labels have nothing to do with each other
)

// EvenFigures are figures of one set of clips, every class weighing the same.
type EvenFigures struct {
	UAR     float64 `json:"uar"`
	ECE     float64 `json:"ece"`
	LogLoss float64 `json:"log_loss"` // nats a clip
}

// HeldOut compares scores as the model gives them with those of calibrations that did not see the speaker.
type HeldOut struct {
	Clips  int         `json:"clips"`
	Own    EvenFigures `json:"own"`    // of the model's own scores
	Fitted EvenFigures `json:"fitted"` // of the calibrated ones
}

// Taken reports whether the fit brought the scores nearer to the labels.
func (h HeldOut) Taken() bool { return h.Fitted.LogLoss < h.Own.LogLoss }

// Calibrated is a calibration and what it is worth.
type Calibrated struct {
	Calibration sentiment.Calibration
	Folds       int
	Alone       HeldOut // clips of which nothing but themselves is known
	Known       HeldOut // behind a history of their speakers; no clips where none was given
}

// Calibrate fits the scores of a model without a Calibration to the labels of clips: those of the clips heard alone, and those of the same
// clips, in the same order, behind a history of their speakers, since a session goes from the one to the other. The latter come from
// known, which is told what holds of clips alone, since histories depend on it; where known is nil, what holds of the clips alone holds of
// both. Every class weighs the same, as it does in the training of the models, so that a score says what the voice does and not how common
// the class is. data says in words what the clips are.
//
// What a view is worth is measured on speakers held out, a fifth at a time, in an order of seed; clips without a speaker are speakers by
// themselves. A view that brings their scores no nearer to the labels, in log loss, is left as it is. Calibrate refuses with ErrCalibrate
// where that holds of all, and below MinClips clips, MinPerClass of a class or MinSpeakers speakers. Equal input gives an equal result.
func Calibrate(alone []Scored, known func(sentiment.View) ([]Scored, error), data string, seed uint64) (*Calibrated, error) {
	if err := enough(alone); err != nil {
		return nil, err
	}
	fold, n := deal(alone, seed)
	out := &Calibrated{Folds: n}
	v, held, err := view(alone, fold, n)
	if err != nil {
		return nil, err
	}
	out.Calibration.Alone, out.Calibration.Known, out.Alone = v, v, held
	if known != nil {
		clips, err := known(v)
		if err != nil {
			return nil, err
		}
		if len(clips) != len(alone) {
			return nil, fmt.Errorf("eval: %d clips behind a history, want the %d that were heard alone", len(clips), len(alone))
		}
		if out.Calibration.Known, out.Known, err = view(clips, fold, n); err != nil {
			return nil, err
		}
	}
	if !out.Alone.Taken() && !out.Known.Taken() {
		return nil, fmt.Errorf("%w: on speakers held out a fit has log loss %.3f, the model's own scores %.3f: keep those", ErrCalibrate,
			out.Alone.Fitted.LogLoss, out.Alone.Own.LogLoss)
	}
	out.Calibration.Fit = sentiment.Fit{Data: data, Clips: len(alone), Counts: countsOf(alone)}
	if _, units, named := unitsOf(alone); named {
		out.Calibration.Fit.Speakers = units
	}
	return out, nil
}

// view fits the clips, and says what fits to n folds of them are worth on the rest; the identity where that is nothing.
func view(clips []Scored, fold []int, n int) (sentiment.View, HeldOut, error) {
	fitted := make([]Scored, len(clips))
	for f := range n {
		var rest []Scored
		for i, c := range clips {
			if fold[i] != f {
				rest = append(rest, c)
			}
		}
		v, err := fit(rest)
		if err != nil {
			return v, HeldOut{}, err
		}
		for i, c := range clips {
			if fold[i] == f {
				fitted[i] = c
				fitted[i].Score = v.Apply(c.Score)
			}
		}
	}
	held := HeldOut{Clips: len(clips), Own: evenFigures(clips), Fitted: evenFigures(fitted)}
	if !held.Taken() {
		return sentiment.Identity(), held, nil
	}
	v, err := fit(clips)
	return v, held, err
}

func countsOf(clips []Scored) (n [sentiment.NumClasses]int) {
	for _, c := range clips {
		n[c.Label]++
	}
	return n
}

// enough checks what the clips can carry at all.
func enough(alone []Scored) error {
	if err := check(alone); err != nil {
		return err
	}
	var errs []error
	bad := func(format string, a ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrCalibrate}, a...)...))
	}
	if len(alone) < MinClips {
		bad("%d clips, want at least %d", len(alone), MinClips)
	}
	var few []string
	for c, n := range countsOf(alone) {
		if n < MinPerClass {
			few = append(few, fmt.Sprintf("%d %s", n, sentiment.Classes()[c]))
		}
	}
	if len(few) > 0 {
		bad("%s, want at least %d clips of each class", strings.Join(few, ", "), MinPerClass)
	}
	if _, units, _ := unitsOf(alone); units < MinSpeakers {
		bad("%d speakers, want at least %d", units, MinSpeakers)
	}
	return errors.Join(errs...)
}

// deal gives every speaker, with all its clips, to one of n folds.
func deal(clips []Scored, seed uint64) (fold []int, n int) {
	unit, count, _ := unitsOf(clips)
	n = min(folds, count)
	order := rand.New(rand.NewPCG(seed, 0x63616c6962726174)).Perm(count)
	fold = make([]int, len(clips))
	for i, u := range unit {
		fold[i] = order[u] % n
	}
	return fold, n
}

// balanced returns weights of clips by which every class counts the same; they add up to the number of clips.
func balanced(clips []Scored) []float64 {
	counts, present := countsOf(clips), 0.0
	for _, n := range counts {
		if n > 0 {
			present++
		}
	}
	w := make([]float64, len(clips))
	for i, c := range clips {
		w[i] = float64(len(clips)) / present / float64(counts[c.Label])
	}
	return w
}

// evenFigures measures clips, every class weighing the same.
func evenFigures(clips []Scored) EvenFigures {
	if len(clips) == 0 {
		return EvenFigures{}
	}
	w := balanced(clips)
	f := measure(clips, byArousal(clips), w)
	p := EvenFigures{UAR: f.UAR, ECE: f.ECE}
	for i, c := range clips {
		p.LogLoss -= w[i] / float64(len(clips)) * math.Log(max(float64(c.Score.Probabilities[c.Label]), 1e-7))
	}
	return p
}

// fit returns the view that clips ask for.
func fit(clips []Scored) (sentiment.View, error) {
	v := sentiment.Identity()
	var classes, arousal []example
	weight := balanced(clips)
	for i, c := range clips {
		var l []float64
		for _, p := range c.Score.Probabilities {
			l = append(l, logit(p))
		}
		high := 0
		if aroused(c.Label) {
			high = 1
		}
		classes = append(classes, example{centred(l), c.Label, weight[i]})
		arousal = append(arousal, example{centred([]float64{logit(1 - c.Score.Arousal), logit(c.Score.Arousal)}), high, weight[i]})
	}
	scale, offset, err := vectorScaling(classes, sentiment.NumClasses)
	if err != nil {
		return v, err
	}
	v.Classes.Scale, v.Classes.Offset = scale, [sentiment.NumClasses]float64(offset)
	if scale, offset, err = vectorScaling(arousal, 2); err != nil {
		return v, err
	}
	v.Arousal.Scale, v.Arousal.Offset = scale, offset[1]-offset[0]
	if v.Classes.Scale < minScale || v.Arousal.Scale < minScale {
		return v, fmt.Errorf("%w: the scores say nothing of the labels (scale %.2f of the classes, %.2f of arousal, want at least %.2f)",
			ErrCalibrate, v.Classes.Scale, v.Arousal.Scale, minScale)
	}
	if err := (sentiment.Calibration{Alone: v, Known: v}).Validate(); err != nil {
		return v, fmt.Errorf("%w: %w", ErrCalibrate, err)
	}
	return v, nil
}

// logit returns the logarithm of a probability, up to what the others share.
func logit(p float32) float64 { return math.Log(max(float64(p), 1e-7)) }
