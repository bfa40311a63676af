package vad

import (
	"fmt"
	"math"

	"github.com/timbre-voice/timbre/engine/timeline"
)

// Limits of cadences in ms. ITU-T E.180 recommends and its supplement lists what networks do.
const (
	ringOnLow, ringOnHigh   = 700, 2600 // 1 s on 4 s off (Europe), 2 s on 4 s off (North America)
	pairOnLow, pairOnHigh   = 300, 520  // 0.4 s on 0.2 s off 0.4 s on 2 s off (United Kingdom and others)
	pairOffLow, pairOffHigh = 120, 300
	busyOnLow, busyOnHigh   = 150, 650 // 0.5/0.5 s, 0.25/0.25 s, 0.375/0.375 s; equal on and off
	dialOn                  = 3000     // continuous
	ringGap                 = 5500     // the longest pause inside ringing
	busyGap                 = 900
	cngOnLow, cngOnHigh     = 400, 620   // T.30: 0.5 s ±15 % on
	cngOffLow, cngOffHigh   = 2400, 3600 // 3 s ±15 % off
	cedOn                   = 1200       // T.30: 2.6 to 4 s; half of it is enough to be sure
	cngGap                  = 4200
	steadyMs                = 96  // a tone is one after this time
	bridgeMs                = 130 // T.38/V.8 answer tones turn their phase every 450 ms, which tears a hole into the spectrum
)

// burst is one stretch of one tone.
type burst struct {
	class  toneClass
	hz     [2]float64
	span   timeline.Interval
	level  float64 // highest power
	frames int
}

// cadence recognises tones by when they sound. Memory is fixed.
type cadence struct {
	cur    burst    // the running burst, class noTone for none
	hold   int64    // last sample at which the running burst was heard
	past   [3]burst // finished bursts of the running train, the newest last
	count  int      // bursts in the train, the running one not counted
	from   int64    // where the train began
	kind   Kind     // what was told as started, "" for nothing yet
	detail string
}

func ms(v timeline.Interval) int64 { return timeline.Ms(v.Len(), Rate) }

// push takes the frame that speaks for the toneHop samples from at on; known is the stream position.
func (c *cadence) push(f toneFrame, at, known int64, emit func(Event)) {
	next := at + toneHop
	if c.cur.class != noTone {
		same := f.class == c.cur.class && math.Abs(f.hz[0]-c.cur.hz[0]) < 8 && f.power >= toneCover*c.cur.level
		if same {
			c.cur.frames++
			if f.power > c.cur.level {
				// While a burst rises its first frames, which the window only half covers, fall out of it again.
				if c.cur.frames <= 4 && f.power > c.cur.level/toneCover {
					c.cur.span.Start = max(at, 0)
				}
				c.cur.level, c.cur.hz = f.power, f.hz
			}
			c.hold = next
			c.cur.span.End = next
			c.during(known, emit)
			return
		}
		bridge := int64(0)
		if c.cur.class == cedTone {
			bridge = bridgeMs
		}
		if timeline.Ms(next-c.hold, Rate) <= bridge {
			return
		}
		c.burstEnded(known, emit)
	}
	if f.class != noTone && f.power >= toneLeast*toneCover {
		c.cur = burst{class: f.class, hz: f.hz, span: timeline.Interval{Start: max(at, 0), End: next}, level: f.power, frames: 1}
		c.hold = next
		return
	}
	if c.count > 0 && timeline.Ms(next-c.past[2].span.End, Rate) > c.gap() {
		c.trainEnded(known, emit)
	}
}

// gap returns how long a pause the running train may have.
func (c *cadence) gap() int64 {
	switch {
	case c.past[2].class == cngTone:
		return cngGap
	case c.kind == KindNoise:
		return busyGap
	}
	return ringGap
}

// during looks at a burst that still sounds.
func (c *cadence) during(known int64, emit func(Event)) {
	d := ms(c.cur.span)
	if d >= 2*steadyMs {
		c.compare(known, emit)
	}
	switch {
	case c.cur.class == cedTone && d >= cedOn:
		c.tell(KindFax, "CED", c.cur.span.Start, known, emit)
	case c.cur.class == ringTone && d >= dialOn && c.count == 0:
		c.tell(KindNoise, "dial "+c.cur.tone(), c.cur.span.Start, known, emit)
	}
}

// compare ends the train when the running burst is of another tone. Its first windows, which it fills in part, do not tell.
func (c *cadence) compare(known int64, emit func(Event)) {
	if old := c.past[2]; c.count > 0 && (c.cur.class != old.class || math.Abs(c.cur.hz[0]-old.hz[0]) > 12) {
		c.trainEnded(known, emit)
	}
}

// burstEnded files the running burst and looks at the train that it makes.
func (c *cadence) burstEnded(known int64, emit func(Event)) {
	if ms(c.cur.span) < steadyMs {
		c.cur = burst{}
		return
	}
	c.compare(known, emit)
	b := c.cur
	c.cur = burst{}
	if c.count == 0 {
		c.from = b.span.Start
	}
	c.past[0], c.past[1], c.past[2] = c.past[1], c.past[2], b
	c.count = min(c.count+1, 1<<20)
	on, off := ms(b.span), int64(0)
	var beforeOn, beforeOff int64
	if c.count >= 2 {
		off = timeline.Ms(b.span.Start-c.past[1].span.End, Rate)
		beforeOn = ms(c.past[1].span)
	}
	if c.count >= 3 {
		beforeOff = timeline.Ms(c.past[1].span.Start-c.past[0].span.End, Rate)
	}
	switch {
	case b.class == cngTone:
		if c.count >= 2 && within(on, cngOnLow, cngOnHigh) && within(off, cngOffLow, cngOffHigh) {
			c.tell(KindFax, "CNG", c.from, known, emit)
		}
	case b.class == cedTone:
		c.trainEnded(known, emit)
	case c.kind == KindNoise: // a dial tone that stopped, or busy going on
		if on >= dialOn {
			c.trainEnded(known, emit)
		}
	case b.class == ringTone && within(on, ringOnLow, ringOnHigh):
		c.tell(KindRingback, b.tone(), c.from, known, emit)
	case c.count >= 3 && within(on, busyOnLow, busyOnHigh) && within(beforeOn, busyOnLow, busyOnHigh) &&
		equal(on, beforeOn) && equal(off, beforeOff) && equal(on, off):
		c.tell(KindNoise, "busy "+b.tone(), c.from, known, emit)
	case b.class == ringTone && c.count >= 2 && within(on, pairOnLow, pairOnHigh) && within(beforeOn, pairOnLow, pairOnHigh) &&
		within(off, pairOffLow, pairOffHigh) && !equal(on, off):
		c.tell(KindRingback, b.tone(), c.from, known, emit)
	}
}

// trainEnded tells the end of what was started and forgets the train.
func (c *cadence) trainEnded(known int64, emit func(Event)) {
	if c.kind != "" {
		emit(Event{Type: End, Kind: c.kind, Interval: timeline.Interval{Start: c.from, End: min(c.past[2].span.End, known)}, Detail: c.detail, At: known})
	}
	c.count, c.kind, c.detail = 0, "", ""
}

func (c *cadence) tell(k Kind, detail string, from, known int64, emit func(Event)) {
	if c.kind != "" {
		return
	}
	c.kind, c.detail, c.from = k, detail, from
	emit(Event{Type: Start, Kind: k, Interval: timeline.Interval{Start: from, End: known}, Detail: detail, At: known})
}

func (c *cadence) flush(known int64, emit func(Event)) {
	if c.cur.class != noTone {
		c.cur.span.End = min(c.cur.span.End, known)
		c.burstEnded(known, emit)
	}
	c.trainEnded(known, emit)
}

func within(v, low, high int64) bool { return low <= v && v <= high }

// equal allows for the 32 ms grid of both ends.
func equal(a, b int64) bool { return a-b <= 90 && b-a <= 90 }

// tone names the frequencies, rounded to the nominal ones of E.180 where they are near.
func (b burst) tone() string {
	name := func(hz float64) int {
		for _, n := range []float64{350, 400, 425, 440, 450, 480, 620} {
			if math.Abs(hz-n) <= 5 {
				return int(n)
			}
		}
		return int(math.Round(hz))
	}
	if b.hz[1] == 0 {
		return fmt.Sprintf("%d Hz", name(b.hz[0]))
	}
	return fmt.Sprintf("%d+%d Hz", name(b.hz[0]), name(b.hz[1]))
}
