package sentiment

import "math"

// Normaliser knows the speaker's own normal: the running mean and spread of the functionals of that speaker's segments on this call,
// without labels. The zero value knows nothing. It is plain data and safe to copy; not safe for concurrent use.
//
// The rule. A segment of s seconds adds its functionals with weight s; a functional that could not be told adds nothing. After S
// seconds the speaker's normal of a functional is the population's mean moved towards the speaker's by r = S/(S+MeanSeconds), and its
// variance the population's moved towards the speaker's by S/(S+SpreadSeconds): by nothing at the first word, by half after MeanSeconds
// and SpreadSeconds, by most of the way after a minute. A model sees each functional twice, against the population and against the
// speaker's normal, and r beside them. It therefore never has to believe that the speaker's mean is neutral: of one who is angry
// from the first word to the last the second view says little, the first still says all, and training has shown it such speakers.
//
// Aroused speech. Each segment comes with the probability of high arousal that the model gives it alone, before it knows the speaker.
// Where their mean p, weighed by length, is over a half, S is no longer all seconds but 4p(1-p) of them: who has been angry since the first
// word would otherwise be taken for one whose normal voice that is. A calm history counts in full.
//
// Earlier calls. What earlier calls of the same speaker said goes before this one as Earlier gives it: weighed down to EarlierSeconds, so
// that this call outweighs it once the speaker has talked for as long. Another handset and another day are another normal: what is
// known from before is a prior and no more, and of the level, which is the line's as much as the speaker's, nothing is taken over.
type Normaliser struct {
	sum     [NumValues]float64 // Σ s·x
	squares [NumValues]float64 // Σ s·x²
	weight  [NumValues]float64 // Σ s over the segments where x is known
	aroused float64            // Σ s·p, p the probability of high arousal of the segment alone
	seconds float64            // Σ s
}

const (
	// MeanSeconds is the amount of speech at which the speaker's own mean weighs as much as the population's.
	MeanSeconds = 8.0
	// SpreadSeconds is the same for the spread, which takes more speech to know.
	SpreadSeconds = 20.0
	// EarlierSeconds is the most that earlier calls count for, however long they were.
	EarlierSeconds = 30.0
)

// Add takes the values of a segment of the speaker, NumValues of them, its probability of high arousal alone, and its length in seconds.
func (n *Normaliser) Add(values []float64, aroused, seconds float64) { n.add(values, aroused, seconds) }

// Without returns n less a segment that was added before: what the rest of the call says of the speaker.
func (n Normaliser) Without(values []float64, aroused, seconds float64) Normaliser {
	n.add(values, aroused, -seconds)
	if n.seconds < 1e-6 { // nothing but rounding is left
		return Normaliser{}
	}
	return n
}

// Earlier returns n, the statistics of earlier calls, as what a call begins with: weighed down to EarlierSeconds where they are more,
// without the level.
func (n Normaliser) Earlier() Normaliser {
	n = n.Capped(EarlierSeconds)
	n.sum[fLevel], n.squares[fLevel], n.weight[fLevel] = 0, 0, 0
	return n
}

// Capped returns n weighed down to so many seconds where it holds more: the normal stays, and what is added later counts for more.
func (n Normaliser) Capped(seconds float64) Normaliser {
	if n.seconds <= seconds {
		return n
	}
	f := seconds / n.seconds
	for i := range n.sum {
		n.sum[i] *= f
		n.squares[i] *= f
		n.weight[i] *= f
	}
	n.aroused *= f
	n.seconds = seconds
	return n
}

// Merge adds what o knows of the same speaker, as if its segments had been added one by one.
func (n *Normaliser) Merge(o *Normaliser) {
	for i := range n.sum {
		n.sum[i] += o.sum[i]
		n.squares[i] += o.squares[i]
		n.weight[i] += o.weight[i]
	}
	n.aroused += o.aroused
	n.seconds += o.seconds
}

func (n *Normaliser) add(values []float64, aroused, seconds float64) {
	if len(values) != NumValues {
		panic("sentiment: normaliser: wrong number of values")
	}
	known := false
	for i, v := range values {
		if !finite(v) {
			continue
		}
		known = true
		n.sum[i] += seconds * v
		n.squares[i] += seconds * v * v
		n.weight[i] += seconds
	}
	if known {
		n.aroused += seconds * aroused
		n.seconds += seconds
	}
}

// Seconds returns the speech behind the statistics.
func (n *Normaliser) Seconds() float64 { return n.seconds }

// credit returns how much of its seconds the speech counts for: all of it, but where it was mostly aroused.
func (n *Normaliser) credit() float64 {
	if n.aroused <= n.seconds/2 {
		return 1
	}
	p := min(n.aroused/n.seconds, 1)
	return 4 * p * (1 - p)
}

// reliability returns r for the mean and for the spread: 0 without speech and near 1 after minutes of speech that was not all aroused.
func (n *Normaliser) reliability() (mean, spread float64) {
	s := n.seconds * n.credit()
	return s / (s + MeanSeconds), s / (s + SpreadSeconds)
}

// levelReliability is reliability of the mean for the level, of which earlier calls say nothing.
func (n *Normaliser) levelReliability() float64 {
	s := max(n.weight[fLevel], 0) * n.credit()
	return s / (s + MeanSeconds)
}

// normal returns the mean and the variance of functional i over the speaker's segments, standardised by the population's mean and
// scale; 0 and 1, the population's own, where nothing is known of it.
func (n *Normaliser) normal(i int, mean, scale float64) (m, v float64) {
	w := n.weight[i]
	if w < 1e-6 {
		return 0, 1
	}
	own := n.sum[i] / w
	v = max(n.squares[i]/w-own*own, 0) / (scale * scale)
	return clamp((own-mean)/scale, clipZ), min(v, clipZ*clipZ)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// clamp limits v to ±limit.
func clamp(v, limit float64) float64 { return min(max(v, -limit), limit) }
