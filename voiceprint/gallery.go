package voiceprint

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/timbre-voice/timbre/engine/nn"
)

// Gallery is the enrolled prints of one model in memory, searched exactly: every entry is compared. Vectors are kept as float32 and
// as int8; a search scans the int8 ones, whose error is bounded per entry, and compares anew in float32 all that could be among the
// best. Safe for concurrent use; searches run side by side, changes wait for them.
type Gallery struct {
	m      *Model
	stride int // bytes of an int8 row

	mu      sync.RWMutex
	ids     []string
	at      map[string]int
	vectors []float32 // N×K
	small   []int8    // N×stride
	entries []galleryEntry
	quality []Quality
}

// galleryEntry is what a score needs of an entry beside the dot product: score = cosine·gain + offset, each of them with a part of
// the entry and a part of the test. It is small, for a scan reads all of them.
type galleryEntry struct {
	scale float32 // of the int8 row
	rest  float32 // length of what the int8 row lost
	inv   float32 // 1/sd against the cohort
	shift float32 // mean/sd
}

// NewGallery returns an empty gallery of the model.
func NewGallery(m *Model) *Gallery {
	return &Gallery{m: m, stride: (m.scoring.dims + 63) &^ 63, at: map[string]int{}}
}

// Model returns the model whose prints g holds.
func (g *Gallery) Model() *Model { return g.m }

// Len returns the number of entries.
func (g *Gallery) Len() int {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return len(g.ids)
}

// Has reports whether there is an entry of that id.
func (g *Gallery) Has(id string) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	_, ok := g.at[id]
	return ok
}

// Add puts a print in under an id that is not there yet. Errors: ErrModel, ErrGallery.
func (g *Gallery) Add(id string, p *Voiceprint) error {
	side, err := g.m.Side(p.Embedding())
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.at[id]; ok || id == "" {
		return fmt.Errorf("%w: id %q is empty or taken, want a new one", ErrGallery, id)
	}
	g.at[id] = len(g.ids)
	g.ids = append(g.ids, id)
	g.vectors = append(g.vectors, side.vector...)
	g.small = append(g.small, make([]int8, g.stride)...)
	g.entries = append(g.entries, galleryEntry{})
	g.quality = append(g.quality, Quality{})
	g.set(len(g.ids)-1, side)
	return nil
}

// Replace puts a print in the place of that of an id. Errors: ErrModel, ErrGallery when there is none.
func (g *Gallery) Replace(id string, p *Voiceprint) error {
	side, err := g.m.Side(p.Embedding())
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	i, ok := g.at[id]
	if !ok {
		return fmt.Errorf("%w: no id %q", ErrGallery, id)
	}
	g.set(i, side)
	return nil
}

// Remove takes an entry out and wipes its vectors; false when there is none of that id.
func (g *Gallery) Remove(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i, ok := g.at[id]
	if !ok {
		return false
	}
	k, last := g.m.scoring.dims, len(g.ids)-1
	if i != last { // the last entry moves into the gap
		copy(g.vectors[i*k:(i+1)*k], g.vectors[last*k:])
		copy(g.small[i*g.stride:(i+1)*g.stride], g.small[last*g.stride:])
		g.entries[i], g.quality[i], g.ids[i] = g.entries[last], g.quality[last], g.ids[last]
		g.at[g.ids[i]] = i
	}
	clear(g.vectors[last*k:])
	clear(g.small[last*g.stride:])
	g.entries[last], g.quality[last], g.ids[last] = galleryEntry{}, Quality{}, ""
	g.vectors, g.small = g.vectors[:last*k], g.small[:last*g.stride]
	g.entries, g.quality, g.ids = g.entries[:last], g.quality[:last], g.ids[:last]
	delete(g.at, id)
	return true
}

// set writes entry i. The caller holds the lock.
func (g *Gallery) set(i int, s Side) {
	k := g.m.scoring.dims
	copy(g.vectors[i*k:(i+1)*k], s.vector)
	e := &g.entries[i]
	e.scale, e.rest = quantise(g.small[i*g.stride:(i+1)*g.stride], s.vector)
	e.inv, e.shift = float32(1/s.sd), float32(s.mean/s.sd)
	g.quality[i] = s.quality
}

// quantise writes x to dst as int8 and returns the scale that undoes it and the length of what was lost.
func quantise(dst []int8, x []float32) (scale, rest float32) {
	top := float32(0)
	for _, v := range x {
		top = max(top, v, -v)
	}
	scale = top / 127
	lost := 0.0
	clear(dst)
	for i, v := range x {
		q := math.RoundToEven(float64(v / scale))
		dst[i] = int8(min(max(q, -127), 127))
		d := float64(v) - float64(dst[i])*float64(scale)
		lost += d * d
	}
	return scale, float32(math.Sqrt(lost) * (1 + 1e-6))
}

// Candidate is one entry that a search found.
type Candidate struct {
	ID    string
	Score float64  // Model.Score
	LLR   *float64 // of the entry against everybody else, without regard to the size of the gallery; nil without a calibration
}

// Search returns the best entries by score, at most top of them, in order of their LLR. It is the same as scoring every entry with
// Model.Score. Errors: ErrModel for a test of another model.
func (g *Gallery) Search(test Side, top int) ([]Candidate, error) {
	if test.model != g.m.id || len(test.vector) != g.m.scoring.dims {
		return nil, fmt.Errorf("%w: test of %v, gallery of %v", ErrModel, test.model, g.m.id)
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	top = min(top, len(g.ids))
	if top <= 0 {
		return nil, nil
	}
	k := g.m.scoring.dims
	var out []Candidate
	for _, i := range g.scan(test, top) {
		e := &g.entries[i]
		cos := float64(nn.Dot(g.vectors[i*k:(i+1)*k], test.vector))
		c := Candidate{ID: g.ids[i], Score: (cos*float64(e.inv) - float64(e.shift) + (cos-test.mean)/test.sd) / 2}
		if g.m.calibration != nil {
			llr := g.m.calibration.LLR(c.Score, g.quality[i], test.quality)
			c.LLR = &llr
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Candidate) int { // best score first, and a fixed order of equal ones
		if c := compare(b.Score, a.Score); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	out = out[:top]
	if g.m.calibration != nil {
		slices.SortStableFunc(out, func(a, b Candidate) int { return compare(*b.LLR, *a.LLR) })
	}
	return out, nil
}

// scanBlock is how many rows are multiplied at a time: their products stay in the nearest cache.
const scanBlock = 512

// scan returns the entries whose score could be among the top best. The caller holds the lock.
func (g *Gallery) scan(test Side, top int) []int {
	q := make([]int8, g.stride)
	scale, rest := quantise(q, test.vector)
	inv, shift := float32(1/test.sd), float32(test.mean/test.sd)
	type near struct {
		at   int
		high float32 // upper bound of its score
	}
	var found []near
	floor := newFloorHeap(top)
	var dots [scanBlock]int32
	least := floor.least()
	for at := 0; at < len(g.ids); at += scanBlock {
		n := min(scanBlock, len(g.ids)-at)
		nn.DotRowsInt8(dots[:n], g.small[at*g.stride:(at+n)*g.stride], q)
		for i, e := range g.entries[at : at+n] {
			gain := (e.inv + inv) / 2
			score := float32(dots[i])*(e.scale*scale)*gain - (e.shift+shift)/2
			// |<x,y> - <x',y'>| <= |x-x'|·|y| + |x'|·|y-y'|, and some room for the rounding of float32
			margin := (e.rest + (1+e.rest)*rest + 1e-5) * gain
			margin += 1e-6 * (e.shift + shift)
			if score+margin < least {
				continue
			}
			floor.push(score - margin)
			least = floor.least()
			found = append(found, near{at + i, score + margin})
		}
	}
	var out []int
	for _, f := range found {
		if f.high >= floor.least() { // the floor has risen since
			out = append(out, f.at)
		}
	}
	return out
}

// floorHeap keeps the n largest values pushed, the least of them first.
type floorHeap struct {
	v []float32
	n int
}

func newFloorHeap(n int) *floorHeap { return &floorHeap{make([]float32, 0, n), n} }

// least returns the least of the n largest values; minus infinity until there are n.
func (h *floorHeap) least() float32 {
	if len(h.v) < h.n {
		return float32(math.Inf(-1))
	}
	return h.v[0]
}

func (h *floorHeap) push(x float32) {
	if len(h.v) < h.n {
		h.v = append(h.v, x)
		for i := len(h.v) - 1; i > 0 && h.v[i] < h.v[(i-1)/2]; i = (i - 1) / 2 {
			h.v[i], h.v[(i-1)/2] = h.v[(i-1)/2], h.v[i]
		}
		return
	}
	if x <= h.v[0] {
		return
	}
	h.v[0] = x
	for i := 0; ; {
		c := 2*i + 1
		if c >= len(h.v) {
			return
		}
		if c+1 < len(h.v) && h.v[c+1] < h.v[c] {
			c++
		}
		if h.v[i] <= h.v[c] {
			return
		}
		h.v[i], h.v[c] = h.v[c], h.v[i]
		i = c
	}
}

// compare orders numbers.
func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
