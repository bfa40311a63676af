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

// What a calibration wants at least. Fifty clips take a model on an unseen corpus most of the way to what a thousand do.
const (
	MinClips    = 50
	MinPerClass = 5
	MinSpeakers = 4
	folds       = 5
	minScale    = 0.05 // a fit below it says that the scores and the labels have nothing to do with each other
)

// Points are the figures of one set of clips, every class weighing the same.
type Points struct {
	UAR     float64 `json:"uar"`
	ECE     float64 `json:"ece"`
	LogLoss float64 `json:"log_loss"` // nats a clip
}

// HeldOut compares scores as the model gives them with those of calibrations that did not see the speaker.
type HeldOut struct {
	Clips  int    `json:"clips"`
	Own    Points `json:"own"`    // of the model's own scores
	Fitted Points `json:"fitted"` // of the calibrated ones
}

// Calibrated is a calibration and what it is worth.
type Calibrated struct {
	Calibration sentiment.Calibration
	Folds       int
	Alone       HeldOut // clips of which nothing but themselves is known
	Known       HeldOut // behind a history of their speakers; no clips where none was given
}

// Calibrate fits the scores of a model without a Calibration to the labels of clips: those of clips heard alone, and of the same behind a
// history of their speakers, since a session goes from the one to the other; without any of the latter, both views are those of the
// former. Every class weighs the same, as it does in the
// training of the models, so that a score says what the voice does and not how common the class is. data says in words what the clips are.
//
// What it is worth is measured on speakers held out, a fifth at a time, in an order of seed; clips without a speaker are speakers by
// themselves. It refuses with ErrCalibrate below MinClips clips, MinPerClass of a class or MinSpeakers speakers, and where the scores of
// speakers held out are no nearer to the labels, in log loss, than the model's own. Equal input gives an equal result.
func Calibrate(alone, known []Scored, data string, seed uint64) (*Calibrated, error) {
	if err := enough(alone, known); err != nil {
		return nil, err
	}
	fold, n := deal(alone, known, seed)
	out := &Calibrated{Folds: n, Calibration: sentiment.NoCalibration()}
	var err error
	if out.Calibration.Alone, out.Alone, err = view(alone, fold[0], n); err != nil {
		return nil, err
	}
	out.Calibration.Known = out.Calibration.Alone
	own, fitted := out.Alone.Own.LogLoss, out.Alone.Fitted.LogLoss
	if len(known) > 0 {
		if out.Calibration.Known, out.Known, err = view(known, fold[1], n); err != nil {
			return nil, err
		}
		own, fitted = (own+out.Known.Own.LogLoss)/2, (fitted+out.Known.Fitted.LogLoss)/2
	}
	if !(fitted < own) {
		return nil, fmt.Errorf("%w: on speakers held out a fit has log loss %.3f, the model's own scores %.3f: keep those", ErrCalibrate, fitted, own)
	}
	out.Calibration.Fit = sentiment.Fit{Data: data, Clips: len(alone), Counts: countsOf(alone)}
	if _, units, named := unitsOf(alone); named {
		out.Calibration.Fit.Speakers = units
	}
	return out, nil
}

// view fits the clips, and says what fits to n folds of them are worth on the rest.
func view(clips []Scored, fold []int, n int) (sentiment.View, HeldOut, error) {
	fitted := make([]Scored, len(clips))
	for f := range n {
		var rest []Scored
		for i, c := range clips {
			if fold[i] != f {
				rest = append(rest, c)
			}
		}
		v, err := Fit(rest)
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
	v, err := Fit(clips)
	return v, HeldOut{len(clips), points(clips), points(fitted)}, err
}

func countsOf(clips []Scored) (n [sentiment.NumClasses]int) {
	for _, c := range clips {
		n[c.Label]++
	}
	return n
}

// enough checks what the clips can carry at all.
func enough(alone, known []Scored) error {
	if err := errors.Join(check(alone), check(known)); err != nil {
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
func deal(alone, known []Scored, seed uint64) (fold [2][]int, n int) {
	all := append(append([]Scored(nil), alone...), known...)
	unit, count, _ := unitsOf(all)
	n = min(folds, count)
	order := rand.New(rand.NewPCG(seed, 0x63616c6962726174)).Perm(count)
	of := make([]int, len(all))
	for i, u := range unit {
		of[i] = order[u] % n
	}
	return [2][]int{of[:len(alone)], of[len(alone):]}, n
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

// points measures clips, every class weighing the same.
func points(clips []Scored) Points {
	if len(clips) == 0 {
		return Points{}
	}
	w := balanced(clips)
	f := measure(clips, byArousal(clips), w)
	p := Points{UAR: f.UAR, ECE: f.ECE}
	for i, c := range clips {
		p.LogLoss -= w[i] / float64(len(clips)) * math.Log(max(float64(c.Score.Probabilities[c.Label]), 1e-7))
	}
	return p
}

// Fit returns the view that clips ask for. Calibrate says whether it is worth anything. Errors: ErrCalibrate, and for a label that is no
// class.
func Fit(clips []Scored) (sentiment.View, error) {
	v := sentiment.Identity()
	if err := check(clips); err != nil {
		return v, err
	}
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
