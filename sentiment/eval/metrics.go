package eval

import (
	"fmt"
	"math"
	"slices"

	"github.com/timbre-voice/timbre/sentiment"
)

// Scored is one clip with what is known of it and what the model said.
type Scored struct {
	Label   int    // class as sentiment.Classes counts
	Speaker string // "" where not known: the clip then is a unit of its own
	Score   sentiment.Score
}

// Figures are the metrics of a set of clips. A figure that the set cannot give is NaN.
type Figures struct {
	UAR        float64 // unweighted average recall: the mean over the classes present of the share recognised
	WAR        float64 // weighted average recall, the accuracy
	AUCArousal float64 // area under the ROC of Score.Arousal, angry and happy against neutral and sad
	ECE        float64 // expected calibration error of the confidence, ten bins of equal width (Guo et al. 2017)
}

// calibrationBins is the number of bins of ECE.
const calibrationBins = 10

// Confusion counts clips: row true class, column class of the label given.
type Confusion [sentiment.NumClasses][sentiment.NumClasses]int

// Confuse returns the confusion matrix of the clips.
func Confuse(clips []Scored) Confusion {
	var c Confusion
	for i := range clips {
		c[clips[i].Label][clips[i].Score.Label()]++
	}
	return c
}

// check returns an error for a clip whose label is no class.
func check(clips []Scored) error {
	for i, c := range clips {
		if c.Label < 0 || c.Label >= sentiment.NumClasses {
			return fmt.Errorf("eval: clip %d: label %d, want 0 to %d", i, c.Label, sentiment.NumClasses-1)
		}
	}
	return nil
}

// measure returns the figures of the clips, each counting weight[i] times; nil weight counts each once.
func measure(clips []Scored, order []int, weight []float64) Figures {
	at := func(i int) float64 {
		if weight == nil {
			return 1
		}
		return weight[i]
	}
	var hit, all [sentiment.NumClasses]float64
	var binAll, binHit, binConfidence [calibrationBins]float64
	total := 0.0
	for i := range clips {
		c, w := &clips[i], at(i)
		right := 0.0
		if c.Score.Label() == c.Label {
			right = 1
		}
		hit[c.Label] += w * right
		all[c.Label] += w
		total += w
		confidence := float64(c.Score.Confidence())
		b := min(max(int(math.Ceil(confidence*calibrationBins))-1, 0), calibrationBins-1)
		binAll[b] += w
		binHit[b] += w * right
		binConfidence[b] += w * confidence
	}
	f := Figures{UAR: math.NaN(), WAR: math.NaN(), AUCArousal: math.NaN(), ECE: math.NaN()}
	if total == 0 {
		return f
	}
	recalls, present, hits := 0.0, 0.0, 0.0
	for c, n := range all {
		hits += hit[c]
		if n > 0 {
			recalls += hit[c] / n
			present++
		}
	}
	f.UAR, f.WAR, f.ECE = recalls/present, hits/total, 0
	for b, n := range binAll {
		if n > 0 {
			f.ECE += math.Abs(binConfidence[b]-binHit[b]) / total
		}
	}
	f.AUCArousal = auc(clips, order, at)
	return f
}

// aroused reports whether a class stands for high arousal.
func aroused(label int) bool { return label == sentiment.Angry || label == sentiment.Happy }

// byArousal returns the clips' indices in rising order of arousal.
func byArousal(clips []Scored) []int {
	order := make([]int, len(clips))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch x, y := clips[a].Score.Arousal, clips[b].Score.Arousal; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return order
}

// auc returns the share of pairs, one of each kind, in which the aroused clip scores higher; equal scores are half. NaN without
// clips of both kinds.
func auc(clips []Scored, order []int, at func(int) float64) float64 {
	var high, low, won float64
	for i := 0; i < len(order); {
		j := i
		var h, l float64 // clips of one score
		for ; j < len(order) && clips[order[j]].Score.Arousal == clips[order[i]].Score.Arousal; j++ {
			if aroused(clips[order[j]].Label) {
				h += at(order[j])
			} else {
				l += at(order[j])
			}
		}
		won += h * (low + l/2)
		high, low = high+h, low+l
		i = j
	}
	if high == 0 || low == 0 {
		return math.NaN()
	}
	return won / (high * low)
}
