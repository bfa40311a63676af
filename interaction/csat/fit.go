package csat

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/timbre-voice/timbre/internal/newton"
)

const (
	answers = 5           // values of an answer: 1 to 5
	cuts    = answers - 1 // thresholds between them
	params  = cuts + numFeatures
	pseudo  = 0.2 // of an answer, given to each value at the mean of the features
)

// ordinal is a fitted model over standardised features.
type ordinal struct {
	cut    [cuts]float64
	weight Features
}

// point is one answer with its weight.
type point struct {
	z      Features
	answer int
	count  float64
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// probabilities returns those of the answers 1 to 5.
func (m *ordinal) probabilities(z Features) [answers]float64 {
	var eta float64
	for i := range z {
		eta += m.weight[i] * z[i]
	}
	var p [answers]float64
	below := 0.0
	for k := range cuts {
		c := logistic(m.cut[k] - eta)
		p[k], below = c-below, c
	}
	p[answers-1] = 1 - below
	return p
}

// term returns log P of answer y at eta with its first and second derivatives by the upper threshold a and the lower threshold b.
// Where y has no threshold on a side, the derivatives by it are 0.
func (m *ordinal) term(y int, eta float64) (logP, da, db, daa, dab, dbb float64) {
	fa, fb, sa, sb := 0.0, 0.0, 1.0, 0.0 // density and distribution at both thresholds
	if y <= cuts {
		sa = logistic(m.cut[y-1] - eta)
		fa = sa * logistic(eta-m.cut[y-1])
	}
	if y > 1 {
		sb = logistic(m.cut[y-2] - eta)
		fb = sb * logistic(eta-m.cut[y-2])
	}
	var p float64
	switch {
	case y == 1:
		p = sa
	case y > cuts:
		p = logistic(eta - m.cut[y-2])
	default: // F(a) - F(b) without the loss of digits of the difference
		p = sa * logistic(eta-m.cut[y-2]) * -math.Expm1(m.cut[y-2]-m.cut[y-1])
	}
	p = max(p, 1e-300)
	da, db = fa/p, -fb/p
	daa = fa*(1-2*sa)/p - da*da
	dbb = -fb*(1-2*sb)/p - db*db
	dab = -da * db
	return math.Log(p), da, db, daa, dab, dbb
}

// objective returns the penalised negative log-likelihood with its gradient and Hessian.
func (m *ordinal) objective(points []point, penalty float64) (loss float64, grad *mat.VecDense, hess *mat.SymDense) {
	var g [params]float64
	var h [params][params]float64 // the upper triangle
	for i, w := range m.weight {
		loss += penalty / 2 * w * w
		g[cuts+i] = penalty * w
		h[cuts+i][cuts+i] = penalty
	}
	var va, vb [params]float64 // derivatives of the thresholds less eta by the parameters
	for _, pt := range points {
		var eta float64
		for i, z := range pt.z {
			eta += m.weight[i] * z
			va[cuts+i], vb[cuts+i] = -z, -z
		}
		for k := range cuts {
			va[k], vb[k] = 0, 0
		}
		if pt.answer <= cuts {
			va[pt.answer-1] = 1
		}
		if pt.answer > 1 {
			vb[pt.answer-2] = 1
		}
		logP, da, db, daa, dab, dbb := m.term(pt.answer, eta)
		loss -= pt.count * logP
		for i := range params {
			g[i] -= pt.count * (da*va[i] + db*vb[i])
			a, b := pt.count*(daa*va[i]+dab*vb[i]), pt.count*(dab*va[i]+dbb*vb[i])
			for j := i; j < params; j++ {
				h[i][j] -= a*va[j] + b*vb[j]
			}
		}
	}
	grad, hess = mat.NewVecDense(params, g[:]), mat.NewSymDense(params, nil)
	for i := range params {
		for j := i; j < params; j++ {
			hess.SetSym(i, j, h[i][j])
		}
	}
	return loss, grad, hess
}

// ascending reports whether the thresholds are in order.
func (m *ordinal) ascending() bool {
	for k := 1; k < cuts; k++ {
		if !(m.cut[k] > m.cut[k-1]) {
			return false
		}
	}
	return true
}

// fit returns the model with the least penalised negative log-likelihood, the thresholds in order. The penalty is
// penalty/2 times the sum of the squared weights; penalty is positive.
func fit(points []point, penalty float64) (*ordinal, error) {
	m := &ordinal{}
	var counts [answers]float64
	total := 0.0
	points = append([]point(nil), points...)
	for k := range answers {
		points = append(points, point{answer: k + 1, count: pseudo})
	}
	for _, p := range points {
		counts[p.answer-1] += p.count
		total += p.count
	}
	below := 0.0
	for k := range cuts {
		below += counts[k] / total
		m.cut[k] = math.Log(below / (1 - below))
	}
	x, err := newton.Minimise(append(m.cut[:], m.weight[:]...), func(x []float64) (float64, *mat.VecDense, *mat.SymDense) {
		at := fromParams(x)
		if !at.ascending() {
			return math.Inf(1), nil, nil
		}
		return at.objective(points, penalty)
	})
	if err != nil {
		return nil, fmt.Errorf("csat: fit: %w", err)
	}
	return fromParams(x), nil
}

// fromParams returns the model of these parameters, the thresholds first.
func fromParams(x []float64) *ordinal {
	m := &ordinal{}
	copy(m.weight[:], x[copy(m.cut[:], x):])
	return m
}
