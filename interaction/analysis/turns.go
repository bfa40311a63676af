package analysis

import (
	"slices"
	"sort"

	"github.com/timbre-voice/timbre/engine/timeline"
	"github.com/timbre-voice/timbre/interaction"
)

// floor is who held the floor, for two sides 0 and 1, in ms. The definitions are in conversation.go.
type floor struct {
	speech [2]timeline.Set
	bursts [2]timeline.Set // without back-channels
	turns  [2]timeline.Set
}

func newFloor(a, b timeline.Set) *floor {
	f := &floor{speech: [2]timeline.Set{a, b}}
	all := [2]timeline.Set{a.Close(burstPauseMs), b.Close(burstPauseMs)}
	for i, own := range all {
		for _, v := range own {
			if !backChannel(v, all[1-i]) {
				f.bursts[i] = append(f.bursts[i], v)
			}
		}
	}
	for i, own := range f.bursts {
		f.turns[i] = join(own, f.bursts[1-i])
	}
	return f
}

// backChannel reports whether burst v is a short one wholly inside a longer one of the other side.
func backChannel(v timeline.Interval, other timeline.Set) bool {
	if v.Len() >= backChannelMs {
		return false
	}
	w, ok := at(other, v.Start)
	return ok && v.End <= w.End && v.Len() < w.Len()
}

// join makes turns of bursts: across pauses of up to nonTalkMs that the other side leaves silent.
func join(own, other timeline.Set) timeline.Set {
	var out timeline.Set
	for _, v := range own {
		if n := len(out); n > 0 {
			pause := timeline.Interval{Start: out[n-1].End, End: v.Start}
			if pause.Len() <= nonTalkMs && len(other.Crop(pause)) == 0 {
				out[n-1].End = v.End
				continue
			}
		}
		out = append(out, v)
	}
	return out
}

// at returns the interval of s that holds t.
func at(s timeline.Set, t int64) (timeline.Interval, bool) {
	i := sort.Search(len(s), func(i int) bool { return s[i].End > t })
	if i == len(s) || !s[i].Contains(t) {
		return timeline.Interval{}, false
	}
	return s[i], true
}

// lastEnd returns the latest end of an interval of s at or before t, -1 when there is none.
func lastEnd(s timeline.Set, t int64) int64 {
	i := sort.Search(len(s), func(i int) bool { return s[i].End > t })
	if i == 0 {
		return -1
	}
	return s[i-1].End
}

// interruptions returns where side i takes the floor from the other, in order and disjoint, and the speech of both at once in
// those times.
func (f *floor) interruptions(i int) (out timeline.Set, spoken int64) {
	both := f.speech[0].Intersect(f.speech[1])
	for _, v := range f.bursts[i] {
		if v.Len() < backChannelMs {
			continue
		}
		w, ok := at(f.bursts[1-i], v.Start)
		if !ok || v.Start-w.Start < holdFloorMs || v.End <= w.End {
			continue
		}
		x := timeline.Interval{Start: v.Start, End: w.End}
		if n := both.Crop(x).Len(); n >= interruptMs {
			out = append(out, x)
			spoken += n
		}
	}
	return out, spoken
}

// latencies returns the silences between the other side's speech and the turns of side i that answer it.
func (f *floor) latencies(i int, hold timeline.Set) []int64 {
	own, other := f.bursts[i], f.bursts[1-i]
	var out []int64
	for _, turn := range f.turns[i] {
		if _, speaking := at(other, turn.Start); speaking {
			continue
		}
		theirs, ours := lastEnd(other, turn.Start), lastEnd(own, turn.Start)
		if theirs < 0 || ours >= theirs {
			continue // nobody to answer, or the side itself spoke last
		}
		if len(hold.Crop(timeline.Interval{Start: theirs, End: turn.Start})) > 0 {
			continue
		}
		out = append(out, turn.Start-theirs)
	}
	return out
}

func latencyStats(ms []int64) interaction.Latency {
	slices.Sort(ms)
	n := len(ms)
	return interaction.Latency{
		Count:    n,
		MedianMs: (ms[(n-1)/2] + ms[n/2]) / 2,
		P90Ms:    ms[(9*n+9)/10-1], // the ceil(0.9 n)-th of n
		MaxMs:    ms[n-1],
	}
}

func turnStats(turns timeline.Set) interaction.RoleTurn {
	out := interaction.RoleTurn{Count: len(turns)}
	var sum int64
	for _, v := range turns {
		sum += v.Len()
		out.LongestMs = max(out.LongestMs, v.Len())
	}
	if len(turns) > 0 {
		out.MeanMs = sum / int64(len(turns))
	}
	return out
}
