// Package timeline is the algebra of time on one recording: half-open intervals of samples and ordered sets of them.
//
// Positions are int64 samples from the start of the audio; the rate that turns them into seconds belongs to whoever owns the
// audio and is passed in where a duration is wanted. Intervals are half open, [Start, End), so neighbours share no sample and
// lengths add up.
//
// A Set is ordered, disjoint and free of empty intervals, and two intervals of it never touch: what touches is one interval.
// Every constructor and operation keeps that, so two sets that cover the same samples are equal element by element.
//
// The vocabulary (interval, gap, extent, collar) follows the annotation tools of speaker diarization, such as pyannote.core.
package timeline
