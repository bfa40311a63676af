package eval

import (
	"math"
	"math/rand/v2"
	"testing"
)

func phi(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

// normalScores returns n scores that stand exactly at the mid quantiles of a normal distribution: a sample without chance in it.
func normalScores(n int, mean, sd float64) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = mean + sd*Probit((float64(i)+0.5)/float64(n))
	}
	return s
}

// TestGaussian compares with the closed forms of calibrated Gaussian LLRs. Targets N(d²/2, d), nontargets N(-d²/2, d) are the LLRs
// of themselves; with separation d' = d, EER = Φ(-d/2), and a threshold t gives FNMR = Φ(t/d - d/2), FMR = Φ(-t/d - d/2).
func TestGaussian(t *testing.T) {
	const n = 40000
	for _, d := range []float64{0.5, 1, 2, 3, 4} {
		r := mustRank(t, normalScores(n, d*d/2, d), normalScores(n, -d*d/2, d))
		within := func(what string, got, want, tol float64) {
			t.Helper()
			if !(math.Abs(got-want) <= tol) {
				t.Errorf("d' = %v: %s %v, closed form %v", d, what, got, want)
			}
		}
		eer, score := r.EER()
		within("EER", eer, phi(-d/2), 1.5/n)
		within("score of the EER", score, 0, 0.01)
		// The ROC of equal variances is convex but for the steps of the sample, each 1/n high.
		within("EER of the hull", r.EERHull(), phi(-d/2), 1.5/n)
		for _, c := range []Cost{{0.5, 1, 1}, {0.05, 1, 1}, {0.01, 1, 1}} {
			th := c.Threshold()
			want := c.dcf(phi(-th/d-d/2), phi(th/d-d/2))
			tol := 1.5 * c.dcf(1./n, 1./n)
			within("minDCF "+c.String(), first(r.MinDCF(c)), want, tol)
			within("actDCF "+c.String(), r.ActDCF(c), want, tol) // calibrated: the same
		}
		// Cllr: the mean loss of a target under its normal density, by the rule of Simpson over ±12 standard deviations; the
		// nontargets are its mirror image.
		const steps = 4000
		sum := 0.0
		for k := 0; k <= steps; k++ {
			z := -12 + 24*float64(k)/steps
			w := 2.0 + 2*float64(k%2)
			if k == 0 || k == steps {
				w = 1
			}
			sum += w * math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) * math.Log2(1+math.Exp(-(d*d/2+d*z)))
		}
		want := sum * 24 / steps / 3
		within("Cllr", r.Cllr(), want, 2e-4)
		if m := r.MinCllr(); m > r.Cllr() || m < want-1e-3 {
			t.Errorf("d' = %v: minCllr %v, want just below %v: the LLRs are calibrated", d, m, want)
		}
		// On probit axes equal variances make a straight line of slope -1: Y + X = -d.
		for _, p := range r.DET(0.05) {
			if p.FMR > 0.01 && p.FNMR > 0.01 && p.FMR < 0.99 && p.FNMR < 0.99 {
				within("DET: X + Y", p.X+p.Y, -d, 0.01)
			}
		}
	}
}

func first(a, _ float64) float64 { return a }

// TestUnequalVariance: targets N(m, s), nontargets N(0, 1) meet at EER = Φ(-m/(1+s)).
func TestUnequalVariance(t *testing.T) {
	const n = 40000
	r := mustRank(t, normalScores(n, 3, 0.5), normalScores(n, 0, 1))
	if eer, _ := r.EER(); math.Abs(eer-phi(-2)) > 1.5/n {
		t.Errorf("EER %v, want %v", eer, phi(-2))
	}
}

// TestChance: scores that know nothing. The EER of n+n trials has a standard deviation near 0.5/sqrt(2n).
func TestChance(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const n = 20000
	draw := func() []float64 {
		s := make([]float64, n)
		for i := range s {
			s[i] = r.NormFloat64()
		}
		return s
	}
	k := mustRank(t, draw(), draw())
	if eer, _ := k.EER(); math.Abs(eer-0.5) > 4*0.5/math.Sqrt(2*n) {
		t.Errorf("EER %v, want 0.5", eer)
	}
	if m := k.MinCllr(); m < 0.99 || m > 1 {
		t.Errorf("minCllr %v, want just below 1", m)
	}
	if d := first(k.MinDCF(Cost{0.01, 1, 1})); d < 0.99 || d > 1 {
		t.Errorf("minDCF %v, want just below 1", d)
	}
}

func TestProbit(t *testing.T) {
	// Quantiles from tables of the normal distribution.
	for p, z := range map[float64]float64{0.5: 0, 0.841344746068543: 1, 0.975: 1.959963984540054, 0.001: -3.090232306167813, 1e-9: -5.997807015007687} {
		if got := Probit(p); math.Abs(got-z) > 1e-9 {
			t.Errorf("Probit(%v) = %v, want %v", p, got, z)
		}
	}
	if !math.IsInf(Probit(0), -1) || !math.IsInf(Probit(1), 1) || !math.IsNaN(Probit(-0.1)) || !math.IsNaN(Probit(1.1)) {
		t.Error("Probit of 0, 1 and outside: want -Inf, +Inf, NaN")
	}
}
