package timeline

import (
	"fmt"
	"time"
)

// Interval is the samples from Start up to, not including, End. The zero value is empty.
type Interval struct {
	Start, End int64
}

// Len returns the number of samples, 0 for an empty interval.
func (v Interval) Len() int64 {
	return max(v.End-v.Start, 0)
}

// Empty reports whether v holds no sample.
func (v Interval) Empty() bool {
	return v.End <= v.Start
}

// Contains reports whether sample t lies in v.
func (v Interval) Contains(t int64) bool {
	return v.Start <= t && t < v.End
}

// Overlaps reports whether v and w share a sample. An empty interval overlaps nothing.
func (v Interval) Overlaps(w Interval) bool {
	return !v.Intersect(w).Empty()
}

// Intersect returns the samples in both v and w; the zero interval when there are none.
func (v Interval) Intersect(w Interval) Interval {
	x := Interval{max(v.Start, w.Start), min(v.End, w.End)}
	if x.Empty() {
		return Interval{}
	}
	return x
}

// Hull returns the smallest interval that covers both; an empty operand adds nothing.
func (v Interval) Hull(w Interval) Interval {
	switch {
	case v.Empty():
		return w
	case w.Empty():
		return v
	}
	return Interval{min(v.Start, w.Start), max(v.End, w.End)}
}

// Gap returns the samples between v and w, whichever comes first; empty when they touch or overlap.
func (v Interval) Gap(w Interval) Interval {
	if w.Start < v.Start {
		v, w = w, v
	}
	if v.Empty() || w.Empty() || w.Start <= v.End {
		return Interval{}
	}
	return Interval{v.End, w.Start}
}

// String prints the interval as "[start, end)".
func (v Interval) String() string {
	return fmt.Sprintf("[%d, %d)", v.Start, v.End)
}

// Ms returns sample position t in whole milliseconds at rate samples per second, rounded down, so that the order of positions
// is kept on the wire.
func Ms(t int64, rate int) int64 {
	return t * 1000 / int64(rate)
}

// Samples returns the position of millisecond ms at rate samples per second, the inverse of Ms to within one millisecond.
func Samples(ms int64, rate int) int64 {
	return ms * int64(rate) / 1000
}

// Duration returns n samples at rate samples per second.
func Duration(n int64, rate int) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(rate)
}
