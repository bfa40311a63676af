package csat

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// MinAnswers is the least number of answers that a calibration stands on.
const MinAnswers = 50

// Why a calibration is refused.
var (
	ErrTooFewAnswers = errors.New("csat: too few answers")
	ErrOneAnswer     = errors.New("csat: every answer is the same")
	ErrNoSkill       = errors.New("csat: the calls do not tell the answers apart")
)

// Call is one call of the calibration.
type Call struct {
	X      Features
	Answer int // 1 to 5; 0: none was given
}

const (
	folds      = 5
	innerFolds = 4
	oneSided95 = 1.645 // quantile of the normal distribution
	twoSided95 = 1.960
)

// penalties are tried from the strongest on, so that of equals the simpler model is taken.
var penalties = []float64{300, 100, 30, 10, 3, 1}

// bands of the probability of anger at its peak.
var bands = []struct {
	name string
	from float64
}{{"calm", 0}, {"raised", 0.3}, {"angry", 0.6}}

// Calibrate fits a model to the calls that answered and judges it on answers that the fit has not seen. The folds are dealt from
// seed. It returns ErrTooFewAnswers below MinAnswers, ErrOneAnswer where nothing varies, and ErrNoSkill where the held-out
// log loss is not lower than that of the answers' own frequencies by 1.645 standard errors of the difference.
func Calibrate(calls []Call, seed uint64) (*Model, error) {
	var answered []Call
	for i, c := range calls {
		if c.Answer < 0 || c.Answer > answers {
			return nil, fmt.Errorf("csat: call %d: answer %d, want 1 to %d, or 0 for none", i, c.Answer, answers)
		}
		if c.Answer > 0 {
			answered = append(answered, c)
		}
	}
	if len(answered) < MinAnswers {
		return nil, fmt.Errorf("%w: %d, want %d", ErrTooFewAnswers, len(answered), MinAnswers)
	}
	if !slices.ContainsFunc(answered, func(c Call) bool { return c.Answer != answered[0].Answer }) {
		return nil, fmt.Errorf("%w: %d of %d, want at least two values", ErrOneAnswer, answered[0].Answer, answers)
	}
	r := rand.New(rand.NewPCG(seed, uint64(len(answered))))
	v, err := crossValidate(answered, r)
	if err != nil {
		return nil, err
	}
	penalty, err := choosePenalty(answered, r)
	if err != nil {
		return nil, err
	}
	s, o, err := fitCalls(answered, penalty)
	if err != nil {
		return nil, err
	}
	m := &Model{Schema: SchemaID, Thresholds: o.cut[:], Penalty: penalty, Validation: v}
	for i, name := range featureNames {
		m.Features = append(m.Features, Feature{Name: name, Mean: s.mean[i], SD: s.sd[i], Weight: o.weight[i]})
	}
	m.Response = response(m, calls)
	m.Validation.Calls = len(calls)
	for _, c := range calls {
		m.Validation.MeanPredicted += m.Predict(c.X).Value / float64(len(calls))
	}
	return m, m.Validate()
}

func fitCalls(calls []Call, penalty float64) (scale, *ordinal, error) {
	s := newScale(calls)
	points := make([]point, len(calls))
	for i, c := range calls {
		points[i] = point{s.apply(c.X), c.Answer, 1}
	}
	o, err := fit(points, penalty)
	return s, o, err
}

// deal returns a fold for each call, each answer spread evenly over them.
func deal(calls []Call, n int, r *rand.Rand) []int {
	order := r.Perm(len(calls))
	slices.SortStableFunc(order, func(a, b int) int { return calls[a].Answer - calls[b].Answer })
	fold := make([]int, len(calls))
	for i, c := range order {
		fold[c] = i % n
	}
	return fold
}

// split returns the calls outside and inside fold k.
func split(calls []Call, fold []int, k int) (train, test []Call) {
	for i, c := range calls {
		if fold[i] == k {
			test = append(test, c)
		} else {
			train = append(train, c)
		}
	}
	return train, test
}

// choosePenalty returns the penalty with the least held-out loss.
func choosePenalty(calls []Call, r *rand.Rand) (float64, error) {
	fold := deal(calls, innerFolds, r)
	best, least := penalties[0], math.Inf(1)
	for _, penalty := range penalties {
		loss := 0.0
		for k := range innerFolds {
			train, test := split(calls, fold, k)
			s, o, err := fitCalls(train, penalty)
			if err != nil {
				return 0, err
			}
			for _, c := range test {
				loss -= math.Log(max(o.probabilities(s.apply(c.X))[c.Answer-1], 1e-300))
			}
		}
		if loss < least {
			best, least = penalty, loss
		}
	}
	return best, nil
}

// crossValidate predicts each answer from the others.
func crossValidate(calls []Call, r *rand.Rand) (Validation, error) {
	v := Validation{Answers: len(calls), Folds: folds}
	fold := deal(calls, folds, r)
	n := float64(len(calls))
	var gains []float64
	for k := range folds {
		train, test := split(calls, fold, k)
		penalty, err := choosePenalty(train, r)
		if err != nil {
			return v, err
		}
		s, o, err := fitCalls(train, penalty)
		if err != nil {
			return v, err
		}
		reference := frequencies(train)
		mean, _, _ := summarise(reference)
		for _, c := range test {
			p := o.probabilities(s.apply(c.X))
			value, low, high := summarise(p)
			answer := float64(c.Answer)
			loss, plain := -math.Log(max(p[c.Answer-1], 1e-300)), -math.Log(reference[c.Answer-1])
			gains = append(gains, plain-loss)
			v.LogLoss += loss / n
			v.LogLossReference += plain / n
			v.MAE += math.Abs(value-answer) / n
			v.MAEReference += math.Abs(mean-answer) / n
			v.MeanAnswer += answer / n
			if low <= answer && answer <= high {
				v.Coverage += 1 / n
			}
		}
	}
	v.Coverage = min(v.Coverage, 1) // the sum of the shares may end beyond by a rounding
	gain := v.LogLossReference - v.LogLoss
	var squares float64
	for _, g := range gains {
		squares += (g - gain) * (g - gain)
	}
	if se := math.Sqrt(squares/(n-1)) / math.Sqrt(n); gain < oneSided95*se || gain <= 0 {
		return v, fmt.Errorf("%w: held-out log loss %.4f against %.4f of the answers' own frequencies, want lower by %.4f", ErrNoSkill,
			v.LogLoss, v.LogLossReference, oneSided95*se)
	}
	return v, nil
}

// frequencies returns how often each answer was given, with the pseudo-answers of fit.
func frequencies(calls []Call) (p [answers]float64) {
	total := float64(len(calls)) + answers*pseudo
	for k := range p {
		p[k] = pseudo / total
	}
	for _, c := range calls {
		p[c.Answer-1] += 1 / total
	}
	return p
}

// response counts calls and answers by band.
func response(m *Model, calls []Call) []Band {
	out := make([]Band, len(bands))
	answered, predicted := make([]float64, len(bands)), make([]float64, len(bands))
	for i, b := range bands {
		out[i] = Band{Name: b.name, AngerFrom: b.from}
	}
	for _, c := range calls {
		i := len(bands) - 1
		for i > 0 && !(c.X[angerPeak] >= bands[i].from) {
			i--
		}
		out[i].Calls++
		predicted[i] += m.Predict(c.X).Value
		if c.Answer > 0 {
			out[i].Answers++
			answered[i] += float64(c.Answer)
		}
	}
	for i := range out {
		b := &out[i]
		if b.Calls == 0 {
			continue
		}
		rate, low, high := wilson(b.Answers, b.Calls)
		mean := predicted[i] / float64(b.Calls)
		b.Rate, b.RateLow, b.RateHigh, b.MeanPredicted = &rate, &low, &high, &mean
		if b.Answers > 0 {
			a := answered[i] / float64(b.Answers)
			b.MeanAnswer = &a
		}
	}
	return out
}

// wilson returns k of n with the 95 % score interval.
func wilson(k, n int) (rate, low, high float64) {
	rate = float64(k) / float64(n)
	z2 := twoSided95 * twoSided95 / float64(n)
	centre := (rate + z2/2) / (1 + z2)
	half := math.Sqrt(rate*(1-rate)*z2+z2*z2/4) / (1 + z2)
	return rate, max(centre-half, 0), min(centre+half, 1)
}
