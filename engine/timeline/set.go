package timeline

import (
	"cmp"
	"slices"
)

// Set is an ordered set of disjoint, non-empty intervals that do not touch. The nil Set is empty. Operations never change
// their operands and return fresh slices.
type Set []Interval

// NewSet returns the set that covers the samples of vs, in any order, overlapping or not. Empty intervals are left out.
func NewSet(vs ...Interval) Set {
	return union(slices.Clone(vs), 0)
}

// union sorts vs in place and joins what is at most gap samples apart.
func union(vs []Interval, gap int64) Set {
	slices.SortFunc(vs, func(a, b Interval) int { return cmp.Compare(a.Start, b.Start) })
	var s Set
	for _, v := range vs {
		if v.Empty() {
			continue
		}
		if n := len(s); n > 0 && v.Start-s[n-1].End <= gap {
			s[n-1].End = max(s[n-1].End, v.End)
			continue
		}
		s = append(s, v)
	}
	return s
}

// Len returns the number of samples covered.
func (s Set) Len() int64 {
	var n int64
	for _, v := range s {
		n += v.Len()
	}
	return n
}

// Extent returns the smallest interval that covers the set; the zero interval for an empty set.
func (s Set) Extent() Interval {
	if len(s) == 0 {
		return Interval{}
	}
	return Interval{s[0].Start, s[len(s)-1].End}
}

// Union returns the samples in s or in t.
func (s Set) Union(t Set) Set {
	return union(slices.Concat(s, t), 0)
}

// Close joins intervals that are at most gap samples apart, as pauses inside a turn are joined.
func (s Set) Close(gap int64) Set {
	return union(slices.Clone(s), gap)
}

// Intersect returns the samples in both s and t.
func (s Set) Intersect(t Set) Set {
	var out Set
	for i, j := 0, 0; i < len(s) && j < len(t); {
		if x := s[i].Intersect(t[j]); !x.Empty() {
			out = append(out, x)
		}
		if s[i].End < t[j].End {
			i++
		} else {
			j++
		}
	}
	return out
}

// Gaps returns the samples of within that s does not cover.
func (s Set) Gaps(within Interval) Set {
	var out Set
	at := within.Start
	for _, v := range s {
		if v.End <= at {
			continue
		}
		if v.Start >= within.End {
			break
		}
		if v.Start > at {
			out = append(out, Interval{at, v.Start})
		}
		at = v.End
	}
	if at < within.End {
		out = append(out, Interval{at, within.End})
	}
	return out
}

// Subtract returns the samples of s that are not in t.
func (s Set) Subtract(t Set) Set {
	return s.Intersect(t.Gaps(s.Extent()))
}

// Crop returns the samples of s inside w.
func (s Set) Crop(w Interval) Set {
	if w.Empty() {
		return nil
	}
	return s.Intersect(Set{w})
}

// Contains reports whether sample t is covered.
func (s Set) Contains(t int64) bool {
	i, found := slices.BinarySearchFunc(s, t, func(v Interval, t int64) int { return cmp.Compare(v.Start, t) })
	if found {
		return true
	}
	return i > 0 && s[i-1].Contains(t)
}
