package voiceprint

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// filled returns a gallery of synthetic speakers "0" to "n-1" and their centres.
func filled(t testing.TB, w world, n int) (*Gallery, [][]float64) {
	t.Helper()
	g := NewGallery(w.m)
	var centres [][]float64
	for i := range n {
		c := w.centre()
		centres = append(centres, c)
		if err := g.Add(fmt.Sprint(i), w.print(w.hear(c, 30))); err != nil {
			t.Fatal(err)
		}
	}
	return g, centres
}

// brute scores every entry with Model.Score.
func brute(t testing.TB, g *Gallery, prints map[string]*Voiceprint, test Side, top int) []Candidate {
	t.Helper()
	var out []Candidate
	for id, p := range prints {
		s := side(t, g.m, p.Embedding())
		out = append(out, Candidate{ID: id, Score: g.m.Score(s, test)})
	}
	slices.SortFunc(out, func(a, b Candidate) int {
		if c := compare(b.Score, a.Score); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out[:min(top, len(out))]
}

// withCohort gives a model a cohort of n synthetic speakers and, with transform, a backend that keeps half the dims.
func withCohort(t testing.TB, w world, n int, transform bool) *Model {
	t.Helper()
	d := w.m.Dims()
	f := newTensorFile()
	var all []float32
	for range n {
		all = append(all, w.hear(w.centre(), 10).Vector...)
	}
	f.add("cohort", all, n, d)
	if transform {
		mean, m := make([]float32, d), make([]float32, d/2*d)
		for i := range mean {
			mean[i] = float32(0.02 * w.r.NormFloat64())
		}
		for i := range m {
			m[i] = float32(w.r.NormFloat64())
		}
		f.add("backend.mean", mean, d)
		f.add("backend.transform", m, d/2, d)
	}
	out, err := w.m.WithScoring(f.tensors(t, map[string]string{"top_n": "20"}))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSearchIsExact compares with scoring every entry, for plain cosines, a cohort, and a backend, over galleries that change.
func TestSearchIsExact(t *testing.T) {
	base := calibrated(t, 48)
	for _, c := range []struct {
		name string
		m    *Model
	}{{"cosine", base.m}, {"as_norm", withCohort(t, base, 100, false)}, {"as_norm_and_backend", withCohort(t, base, 100, true)}} {
		t.Run(c.name, func(t *testing.T) {
			w := world{c.m, rand.New(rand.NewPCG(31, 32))}
			if w.m.calibration != nil {
				w.m, _ = w.m.WithCalibration(nil) // the order is then that of the scores
			}
			g, prints, next := NewGallery(w.m), map[string]*Voiceprint{}, 0
			for round := range 40 {
				for range 40 {
					switch k := w.r.IntN(6); {
					case k < 4 || len(prints) == 0:
						id := fmt.Sprint(next)
						next++
						prints[id] = w.print(w.hear(w.centre(), 30))
						if err := g.Add(id, prints[id]); err != nil {
							t.Fatal(err)
						}
					default:
						id := fmt.Sprint(w.r.IntN(next))
						if prints[id] == nil {
							if g.Remove(id) || g.Has(id) {
								t.Fatalf("%s was there", id)
							}
						} else if k == 4 {
							delete(prints, id)
							if !g.Remove(id) {
								t.Fatalf("%s was not there", id)
							}
						} else {
							prints[id] = w.print(w.hear(w.centre(), 30))
							if err := g.Replace(id, prints[id]); err != nil {
								t.Fatal(err)
							}
						}
					}
				}
				if g.Len() != len(prints) {
					t.Fatalf("%d entries, want %d", g.Len(), len(prints))
				}
				test := side(t, w.m, w.hear(w.centre(), 5))
				top := 1 + w.r.IntN(12)
				got, err := g.Search(test, top)
				if err != nil {
					t.Fatal(err)
				}
				want := brute(t, g, prints, test, top)
				for i := range want {
					if len(got) != len(want) || got[i].ID != want[i].ID || math.Abs(got[i].Score-want[i].Score) > 1e-5*(1+math.Abs(want[i].Score)) {
						t.Fatalf("round %d: %+v, want %+v", round, got, want)
					}
				}
			}
		})
	}
}

// TestIdentifyHoldsItsRate measures how often a speaker who is in no gallery is taken for somebody, at 10 to 10,000 entries of
// synthetic speakers, and how often one who is in it is found.
func TestIdentifyHoldsItsRate(t *testing.T) {
	w := calibrated(t, 96)
	o := DefaultIdentify()
	for _, n := range []int{10, 100, 1000, 10000} {
		g, centres := filled(t, w, n)
		const probes = 400
		alarms, found := 0, 0
		for i := range probes {
			got, err := g.Identify(w.hear(w.centre(), 15), o)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Candidates) > 0 {
				alarms++
			}
			who := i % n
			got, err = g.Identify(w.hear(centres[who], 15), o)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Candidates) > 0 && got.Candidates[0].ID == fmt.Sprint(who) {
				found++
			}
		}
		fpir, hit := float64(alarms)/probes, float64(found)/probes
		t.Logf("%5d entries: FPIR %.3f, found %.3f", n, fpir, hit)
		if fpir > 0.03 { // 1 % wanted: 400 probes at 1 % have at most 10 alarms 99 times in 100, and the fit has its own error
			t.Errorf("%d entries: false alarms in %.3f of the probes, want about 0.01", n, fpir)
		}
		if hit < 0.7 {
			t.Errorf("%d entries: %.3f of the enrolled found, want 0.7", n, hit)
		}
	}
}

func TestIdentify(t *testing.T) {
	w := calibrated(t, 64)
	g, centres := filled(t, w, 30)
	one, err := g.Identify(w.hear(centres[7], 20), DefaultIdentify())
	if err != nil {
		t.Fatal(err)
	}
	if len(one.Candidates) != 1 || one.Candidates[0].ID != "7" || len(one.Nearest) != 5 || one.Entries != 30 || one.Reasons[0].Code != CodeAboveThreshold {
		t.Errorf("%+v, want 7 alone and five nearest", one)
	}
	th, _ := w.m.calibration.Threshold(0.01)
	if d := *one.Threshold - th.LLR - math.Log(30); math.Abs(d) > 1e-9 {
		t.Errorf("threshold %g, want %g + ln 30", *one.Threshold, th.LLR)
	}
	none, err := g.Identify(w.hear(w.centre(), 20), DefaultIdentify())
	if err != nil || len(none.Candidates) != 0 || none.Reasons[0].Code != CodeBelowThreshold {
		t.Errorf("%+v, %v, want none", none, err)
	}
	short, err := g.Identify(w.hear(centres[7], 1), DefaultIdentify())
	if err != nil || len(short.Candidates) != 0 || short.Reasons[0].Code != CodeTooLittleSpeech || len(short.Nearest) != 5 {
		t.Errorf("%+v, %v, want nothing decided on 1 s", short, err)
	}
	empty, err := NewGallery(w.m).Identify(w.hear(centres[7], 20), DefaultIdentify())
	if err != nil || len(empty.Nearest) != 0 || empty.Entries != 0 {
		t.Errorf("%+v, %v, want nobody in an empty gallery", empty, err)
	}
	raw, _ := w.m.WithCalibration(nil)
	bare, _ := filled(t, world{raw, w.r}, 5)
	no, err := bare.Identify(w.hear(centres[7], 20), DefaultIdentify())
	if err != nil || len(no.Candidates) != 0 || no.Threshold != nil || no.Reasons[0].Code != CodeNoCalibration {
		t.Errorf("%+v, %v, want nothing decided without a calibration", no, err)
	}
}

func TestDuplicates(t *testing.T) {
	w := calibrated(t, 64)
	g, centres := filled(t, w, 30)
	again := w.print(w.hear(centres[4], 25))
	got, err := g.Duplicates("new", again, DefaultIdentify())
	if err != nil || len(got) != 1 || got[0].ID != "4" {
		t.Errorf("%+v, %v, want 4", got, err)
	}
	if got, err = g.Duplicates("4", again, DefaultIdentify()); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v, want no duplicate of itself", got, err)
	}
	if got, err = g.Duplicates("new", w.print(w.hear(w.centre(), 25)), DefaultIdentify()); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v, want nobody", got, err)
	}
	raw, _ := w.m.WithCalibration(nil)
	if _, err := NewGallery(raw).Duplicates("new", again, DefaultIdentify()); !errors.Is(err, ErrUncalib) {
		t.Errorf("error %v, want ErrUncalib", err)
	}
}

func TestGalleryRefuses(t *testing.T) {
	w := calibrated(t, 48)
	g, _ := filled(t, w, 2)
	p := w.print(w.hear(w.centre(), 20))
	for _, id := range []string{"0", ""} {
		if err := g.Add(id, p); !errors.Is(err, ErrGallery) {
			t.Errorf("id %q: error %v, want ErrGallery", id, err)
		}
	}
	if err := g.Replace("9", p); !errors.Is(err, ErrGallery) {
		t.Errorf("unknown id: error %v, want ErrGallery", err)
	}
	strange := *p
	strange.Model.Name = "speaker-other-v1"
	if err := errors.Join(g.Add("9", &strange), g.Replace("0", &strange)); !errors.Is(err, ErrModel) || g.Has("9") {
		t.Errorf("print of another model: error %v, want ErrModel", err)
	}
	other := tinyModel(t)
	if _, err := g.Search(side(t, other, Embedding{Model: other.id, Vector: unitVector(other.Dims())}), 1); !errors.Is(err, ErrModel) {
		t.Errorf("test of another model: error %v, want ErrModel", err)
	}
	o := DefaultIdentify()
	o.Top = 0
	if _, err := g.Identify(p.Embedding(), o); !errors.Is(err, ErrOptions) {
		t.Errorf("no candidates wanted: error %v, want ErrOptions", err)
	}
}

// TestRemoveWipes holds that a removed print leaves nothing in the memory of the gallery.
func TestRemoveWipes(t *testing.T) {
	w := calibrated(t, 48)
	g, _ := filled(t, w, 3)
	gone := slices.Clone(g.vectors[:48])
	g.Remove("0")
	for _, rest := range [][]float32{g.vectors[:cap(g.vectors)]} {
		for i := range rest {
			if rest[i] != 0 && slices.Contains(gone, rest[i]) {
				t.Fatalf("value %d of the removed print is still there", i)
			}
		}
	}
	for i, v := range g.small[len(g.small):cap(g.small)] {
		if v != 0 {
			t.Fatalf("int8 value %d is still there", i)
		}
	}
}

// TestGalleryConcurrent searches while entries come and go; the race detector looks on.
func TestGalleryConcurrent(t *testing.T) {
	w := calibrated(t, 48)
	g, centres := filled(t, w, 200)
	test := side(t, w.m, w.hear(centres[0], 20))
	var prints []*Voiceprint
	for range 50 {
		prints = append(prints, w.print(w.hear(w.centre(), 20)))
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 100 {
				if c, err := g.Search(test, 3); err != nil || len(c) != 3 || c[0].ID != "0" {
					t.Errorf("%+v, %v, want 0 first", c, err)
					return
				}
			}
		})
	}
	wg.Go(func() {
		for i, p := range prints {
			id := fmt.Sprint("new", i)
			if err := g.Add(id, p); err != nil {
				t.Error(err)
			}
			if i%2 == 0 {
				g.Remove(id)
			}
		}
	})
	wg.Wait()
	if g.Len() != 225 {
		t.Errorf("%d entries, want 225", g.Len())
	}
}

// BenchmarkGallery searches galleries of random directions of 192 dims.
func BenchmarkGallery(b *testing.B) {
	m := load(b, artefact(b, randomWeights(b, shippedSizes, 1), 192))
	w := world{m, rand.New(rand.NewPCG(1, 1))}
	for _, n := range []int{1000, 10000, 100000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g := NewGallery(m)
			for i := range n {
				if err := g.Add(fmt.Sprint(i), w.print(w.hear(w.centre(), 30))); err != nil {
					b.Fatal(err)
				}
			}
			test := side(b, m, w.hear(w.centre(), 10))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := g.Search(test, 10); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(time.Millisecond), "ms/query")
		})
	}
}
