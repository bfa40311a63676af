package voiceprint

import (
	"fmt"
	"math"
)

// maxWindows bounds the work of the check for several speakers; longer audio is looked at in as many windows spread over it.
const maxWindows = 48

// severalSpeakers cuts all recordings into windows, parts these into the two groups that lie furthest apart, and compares the
// groups. One voice gives two groups of one voice. A group under a fifth of the windows makes no second speaker: it may be a cough.
func (b *builder) severalSpeakers() ([]Reason, error) {
	size := int(b.o.WindowSeconds * Rate)
	if size == 0 {
		return nil, nil
	}
	var cuts []Speech
	for _, s := range b.speech {
		for x := s.Samples; len(x) >= size; x = x[size:] {
			w := Speech{Samples: x[:size], Quality: s.Quality}
			w.Quality.NetSpeech = Speech{Samples: w.Samples}.length()
			cuts = append(cuts, w)
		}
	}
	if len(cuts) < 4 { // two groups of two
		return nil, nil
	}
	n := min(len(cuts), maxWindows)
	windows := make([]Embedding, n)
	for i := range windows {
		var err error
		if windows[i], err = b.e.Embed(cuts[i*len(cuts)/n]); err != nil {
			return nil, err
		}
	}
	reason, err := b.e.m.apart(windows, b.o)
	if err != nil || reason == nil {
		return nil, err
	}
	return []Reason{*reason}, nil
}

// apart returns the reason why windows are of several speakers; nil when they may be of one.
func (m *Model) apart(windows []Embedding, o EnrolOptions) (*Reason, error) {
	groups := split(windows)
	if size := max(2, (len(windows)+3)/5); len(groups[0]) < size || len(groups[1]) < size {
		return nil, nil
	}
	var between float64
	for i, g := range groups {
		mean, ok := meanEmbedding(groups[1-i])
		if !ok {
			return nil, fmt.Errorf("%w: windows of the recording point in opposite directions", ErrQuality)
		}
		enrol, err := m.Side(mean)
		if err != nil {
			return nil, err
		}
		// Each window alone against the other group: a long side and a short one, as trials are.
		for _, w := range g {
			test, err := m.Side(w)
			if err != nil {
				return nil, err
			}
			between += m.likeness(enrol, test) / float64(2*len(g))
		}
	}
	least, unit := o.MinGroupLLR, "LLR"
	if m.calibration == nil {
		least, unit = o.MinGroupCosine, "cosine"
	}
	if between >= least {
		return nil, nil
	}
	few, many := min(len(groups[0]), len(groups[1])), max(len(groups[0]), len(groups[1]))
	return &Reason{CodeSeveralSpeakers, fmt.Sprintf("%d windows of %g s are unlike the other %d: mean %s %.2f, want at least %.2f",
		few, o.WindowSeconds, many, unit, between, least)}, nil
}

// split parts unit vectors into two groups by 2-means on the sphere, begun from the pair that is least alike: no chance is in it.
func split(vs []Embedding) (groups [2][]Embedding) {
	var seeds [2]int
	low := math.Inf(1)
	for i := range vs {
		for j := range i {
			if c := cosine(vs[i].Vector, vs[j].Vector); c < low {
				low, seeds = c, [2]int{j, i}
			}
		}
	}
	centres := [2][]float32{vs[seeds[0]].Vector, vs[seeds[1]].Vector}
	for range 20 {
		groups = [2][]Embedding{}
		for _, v := range vs {
			k := 0
			if cosine(v.Vector, centres[1]) > cosine(v.Vector, centres[0]) {
				k = 1
			}
			groups[k] = append(groups[k], v)
		}
		for k, g := range groups {
			if len(g) == 0 {
				return groups
			}
			if mean, ok := meanEmbedding(g); ok {
				centres[k] = mean.Vector
			}
		}
	}
	return groups
}
