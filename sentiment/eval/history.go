package eval

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/timbre-voice/timbre/sentiment"
)

// Clip is what the normaliser may hear of a clip, and what says whose it is.
type Clip struct {
	Label   int // used by the mixes other than MixAny alone, to choose which clips are heard
	Speaker string
	Values  []float64 // sentiment.Scorer.Measure
	Aroused float64   // probability of high arousal of the clip alone
	Seconds float64
}

// Mix says which of a speaker's other clips make the history of one. All but MixAny look at labels, which no session has: they show
// what a call of that mix would do.
type Mix string

// The mixes.
const (
	MixAny      Mix = "any"      // whatever comes
	MixBalanced Mix = "balanced" // each class in turn
	MixSkewed   Mix = "skewed"   // three clips of the clip's own class for each other one
	MixSame     Mix = "same"     // the clip's own class alone: a speaker of one emotion
	MixOther    Mix = "other"    // one other class alone: the first segment of another emotion
)

// Mixes returns all mixes.
func Mixes() []Mix { return []Mix{MixAny, MixBalanced, MixSkewed, MixSame, MixOther} }

// ParseMix returns the mix of that name.
func ParseMix(name string) (Mix, error) {
	if m := Mix(name); slices.Contains(Mixes(), m) {
		return m, nil
	}
	var names []string
	for _, m := range Mixes() {
		names = append(names, string(m))
	}
	return "", fmt.Errorf("eval: history mix %q, want one of %s", name, strings.Join(names, ", "))
}

// History returns what a session's normaliser knows when it has heard at most seconds of the other clips of the speaker of clip i, in
// an order that seed and i decide. The clip itself is never among them; a clip without a speaker has no history. The last clip counts
// with as many seconds as are left.
func History(clips []Clip, i int, mix Mix, seconds float64, seed uint64) sentiment.Normaliser {
	var n sentiment.Normaliser
	self := clips[i]
	if self.Speaker == "" {
		return n
	}
	var byClass [sentiment.NumClasses][]int
	var others []int
	rng := rand.New(rand.NewPCG(seed, uint64(i)))
	for k := range clips {
		if k != i && clips[k].Speaker == self.Speaker {
			others = append(others, k)
		}
	}
	rng.Shuffle(len(others), func(a, b int) { others[a], others[b] = others[b], others[a] })
	for _, k := range others {
		byClass[clips[k].Label] = append(byClass[clips[k].Label], k)
	}
	for _, k := range arrange(rng, others, byClass, self.Label, mix) {
		left := seconds - n.Seconds()
		if left <= 0 {
			break
		}
		n.Add(clips[k].Values, clips[k].Aroused, min(clips[k].Seconds, left))
	}
	return n
}

// arrange returns the clips that are heard, in order.
func arrange(rng *rand.Rand, others []int, byClass [sentiment.NumClasses][]int, own int, mix Mix) []int {
	switch mix {
	case MixSame:
		return byClass[own]
	case MixOther:
		for _, c := range rng.Perm(sentiment.NumClasses) {
			if c != own && len(byClass[c]) > 0 {
				return byClass[c]
			}
		}
		return nil
	case MixBalanced:
		var out []int
		classes := rng.Perm(sentiment.NumClasses)
		for round := 0; len(out) < len(others); round++ {
			for _, c := range classes {
				if round < len(byClass[c]) {
					out = append(out, byClass[c][round])
				}
			}
		}
		return out
	case MixSkewed:
		var out, rest []int
		for c, list := range byClass {
			if c != own {
				rest = append(rest, list...)
			}
		}
		rng.Shuffle(len(rest), func(a, b int) { rest[a], rest[b] = rest[b], rest[a] })
		for k, list := 0, byClass[own]; k < len(list); k += 3 {
			out = append(out, list[k:min(k+3, len(list))]...)
			if k/3 < len(rest) {
				out = append(out, rest[k/3])
			}
		}
		return out
	}
	return others
}
