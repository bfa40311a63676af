package newton

import (
	"errors"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// TestMinimise has functions whose minimum is known, and of which a full step from the start leads away or where it may not.
func TestMinimise(t *testing.T) {
	bowl := func(x []float64) (float64, *mat.VecDense, *mat.SymDense) { // 1/2 (x-a)'H(x-a), H = [2 1; 1 3], a = (1, -2)
		a, b := x[0]-1, x[1]+2
		return a*a + a*b + 1.5*b*b, mat.NewVecDense(2, []float64{2*a + b, a + 3*b}), mat.NewSymDense(2, []float64{2, 1, 1, 3})
	}
	cosh := func(x []float64) (float64, *mat.VecDense, *mat.SymDense) { // log cosh(x - 3): far off a full step runs away
		d := x[0] - 3
		return math.Log(math.Cosh(d)), mat.NewVecDense(1, []float64{math.Tanh(d)}), mat.NewSymDense(1, []float64{1 - math.Pow(math.Tanh(d), 2)})
	}
	barrier := func(x []float64) (float64, *mat.VecDense, *mat.SymDense) { // x - log x, barred below 0, least at 1
		if x[0] <= 0 {
			return math.Inf(1), nil, nil
		}
		return x[0] - math.Log(x[0]), mat.NewVecDense(1, []float64{1 - 1/x[0]}), mat.NewSymDense(1, []float64{1 / (x[0] * x[0])})
	}
	for name, c := range map[string]struct {
		f           Function
		start, want []float64
	}{
		"bowl":    {bowl, []float64{50, 50}, []float64{1, -2}},
		"cosh":    {cosh, []float64{5}, []float64{3}},
		"barrier": {barrier, []float64{30}, []float64{1}},
		"there":   {bowl, []float64{1, -2}, []float64{1, -2}},
	} {
		start := append([]float64(nil), c.start...)
		got, err := Minimise(start, c.f)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i := range got {
			if math.Abs(got[i]-c.want[i]) > 1e-4 || start[i] != c.start[i] {
				t.Errorf("%s: %v from %v, want %v", name, got, start, c.want)
			}
		}
	}
}

func TestMinimiseWithoutRest(t *testing.T) {
	for name, f := range map[string]Function{
		"not_a_number": func([]float64) (float64, *mat.VecDense, *mat.SymDense) {
			return math.NaN(), mat.NewVecDense(1, []float64{math.NaN()}), mat.NewSymDense(1, []float64{math.NaN()})
		},
		"flat_downhill": func(x []float64) (float64, *mat.VecDense, *mat.SymDense) { // has no minimum
			return -x[0], mat.NewVecDense(1, []float64{-1}), mat.NewSymDense(1, []float64{1e-3})
		},
		"saddle": func(x []float64) (float64, *mat.VecDense, *mat.SymDense) {
			return -x[0] * x[0], mat.NewVecDense(1, []float64{-2 * x[0]}), mat.NewSymDense(1, []float64{-2})
		},
	} {
		if x, err := Minimise([]float64{1}, f); !errors.Is(err, ErrNoRest) {
			t.Errorf("%s: %v, %v", name, x, err)
		}
	}
}
