package voiceprint

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/timbre-voice/timbre/internal/newton"
	"github.com/timbre-voice/timbre/voiceprint/eval"
	"gonum.org/v1/gonum/mat"
)

// CalibrationTrial is one trial to fit on.
type CalibrationTrial struct {
	Target                    bool
	Score                     float64 // Model.Score
	Enrol, Test               Quality
	EnrolSpeaker, TestSpeaker string // required: intervals and refusals count speakers, for trials of one speaker say little
}

// FitOptions say how a calibration is fitted and when it is refused.
type FitOptions struct {
	Terms   []string  // quantities to use, of Terms; the score must be among them
	PTarget float64   // effective prior at which the fit is best, in (0, 1)
	Ridge   float64   // penalty on the squared weights of the standardised quantities, 0 or more
	FMRs    []float64 // rates that thresholds are wanted for, in (0, 1)
	Data    string    // what the trials are, in words; stands in the file

	MinTargets, MinNontargets int     // trials, 2 or more
	MinSpeakers               int     // with target trials, 2 or more
	MaxEER                    float64 // above it the classes overlap too much; in (0, 0.5]

	Replicates int    // of the bootstrap behind the intervals: 100 to 100000
	Seed       uint64 // of the bootstrap
}

// DefaultFit returns the options of the shipped calibration. The prior lies between the ones that the costs of package eval stand for.
func DefaultFit() FitOptions {
	return FitOptions{
		Terms:      []string{TermScore, TermEnrolSpeech, TermTestSpeech, TermScoreSpeech, TermSNR},
		PTarget:    0.05,
		Ridge:      1e-4,
		FMRs:       []float64{1e-2, 1e-3},
		MinTargets: 50, MinNontargets: 300, MinSpeakers: 10, MaxEER: 0.3,
		Replicates: 1000, Seed: 1,
	}
}

// Validate returns every problem of o, joined; errors.Is finds ErrOptions.
func (o FitOptions) Validate() error {
	var errs []error
	bad := func(name string, v any, want string) {
		errs = append(errs, fmt.Errorf("%w: %s: %v, want %s", ErrOptions, name, v, want))
	}
	for i, t := range o.Terms {
		if !slices.Contains(Terms(), t) || slices.Contains(o.Terms[:i], t) {
			bad("Terms", o.Terms, fmt.Sprintf("each of %q at most once", Terms()))
		}
	}
	if !slices.Contains(o.Terms, TermScore) {
		bad("Terms", o.Terms, TermScore+" among them")
	}
	if !(o.PTarget > 0 && o.PTarget < 1) {
		bad("PTarget", o.PTarget, "in (0, 1)")
	}
	if !(o.Ridge >= 0 && o.Ridge <= 1e3) {
		bad("Ridge", o.Ridge, "0 to 1000")
	}
	for i, f := range o.FMRs {
		if !(f > 0 && f < 1) || slices.Contains(o.FMRs[:i], f) {
			bad("FMRs", o.FMRs, "different rates in (0, 1)")
		}
	}
	if o.MinTargets < 2 || o.MinNontargets < 2 || o.MinSpeakers < 2 {
		bad("MinTargets, MinNontargets, MinSpeakers", []int{o.MinTargets, o.MinNontargets, o.MinSpeakers}, "2 or more each")
	}
	if !(o.MaxEER > 0 && o.MaxEER <= 0.5) {
		bad("MaxEER", o.MaxEER, "in (0, 0.5]")
	}
	if o.Replicates < 100 || o.Replicates > 100000 {
		bad("Replicates", o.Replicates, "100 to 100000")
	}
	return errors.Join(errs...)
}

// FitCalibration fits the map from score and quality to LLR on trials of the model, by logistic regression in which the target
// trials together weigh PTarget and the nontarget trials 1-PTarget, and finds the thresholds that the trials support.
//
// It refuses with ErrCalibrate, and says why in full, when there are too few trials or speakers, when the classes overlap too much,
// or when the LLR would not rise with the score. Equal input gives an equal result. Brümmer & du Preez (2006) for the objective,
// Mandasari et al. (2013) for quantities of quality beside the score.
func (m *Model) FitCalibration(trials []CalibrationTrial, o FitOptions) (*Calibration, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if err := refuse(trials, o); err != nil {
		return nil, err
	}
	c := &Calibration{Model: m.id, Scoring: m.Scoring()}
	if err := c.regress(trials, o); err != nil {
		return nil, err
	}
	if err := c.report(trials, o); err != nil {
		return nil, err
	}
	return c, c.Validate()
}

// refuse checks what the trials can carry at all.
func refuse(trials []CalibrationTrial, o FitOptions) error {
	var errs []error
	bad := func(format string, a ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrCalibrate}, a...)...))
	}
	targets, nontargets := 0, 0
	with := map[string]bool{}
	scores, label := make([]float64, len(trials)), make([]bool, len(trials))
	for i, t := range trials {
		if math.IsNaN(t.Score) || math.IsInf(t.Score, 0) {
			bad("trial %d: score %g, want a finite number", i, t.Score)
			return errors.Join(errs...)
		}
		if t.EnrolSpeaker == "" || t.TestSpeaker == "" || t.Target != (t.EnrolSpeaker == t.TestSpeaker) {
			bad("trial %d: target %t with speakers %q and %q, want both named, equal in a target trial alone", i, t.Target, t.EnrolSpeaker, t.TestSpeaker)
			return errors.Join(errs...)
		}
		scores[i], label[i] = t.Score, t.Target
		if t.Target {
			targets++
			with[t.EnrolSpeaker] = true
		} else {
			nontargets++
		}
	}
	if targets < o.MinTargets {
		bad("%d target trials, want at least %d", targets, o.MinTargets)
	}
	if nontargets < o.MinNontargets {
		bad("%d nontarget trials, want at least %d", nontargets, o.MinNontargets)
	}
	if len(with) < o.MinSpeakers {
		bad("target trials of %d speakers, want at least %d", len(with), o.MinSpeakers)
	}
	if targets > 0 && nontargets > 0 {
		r, err := eval.RankScores(scores, label)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCalibrate, err)
		}
		if eer, _ := r.EER(); eer > o.MaxEER {
			bad("the classes overlap too much: EER %.1f %%, want at most %.1f %%", 100*eer, 100*o.MaxEER)
		}
	}
	return errors.Join(errs...)
}

// regress finds Bias and Terms by Newton's method on standardised quantities.
func (c *Calibration) regress(trials []CalibrationTrial, o FitOptions) error {
	n := len(o.Terms)
	c.Terms = make([]Term, n)
	rows := make([]float64, len(trials)*n)
	for j, name := range o.Terms {
		c.Terms[j] = describe(name, trials)
		t := &c.Terms[j]
		for i, tr := range trials {
			v := quantity(name, tr.Score, tr.Enrol, tr.Test)
			if math.IsNaN(v) {
				v = t.Mean
			}
			if name == TermScoreSpeech {
				v *= tr.Score
			}
			rows[i*n+j] = v
		}
	}
	mean, sd := standardise(rows, n)
	w, err := weights(rows, n, trials, o)
	if err != nil {
		return err
	}
	c.Bias = w[n]
	for j := range n {
		if sd[j] > 0 {
			c.Terms[j].Weight = w[j] / sd[j]
			c.Bias -= c.Terms[j].Weight * mean[j]
		}
	}
	if s := c.slope(); !(s > 0) {
		return fmt.Errorf("%w: the LLR would rise by %g per unit of score where it rises least, want above 0: use fewer quantities or more trials", ErrCalibrate, s)
	}
	return nil
}

// describe returns a term with the range of its quantity over the trials. A quantity that was never measured has range 0.
func describe(name string, trials []CalibrationTrial) Term {
	t := Term{Name: name, Low: math.Inf(1), High: math.Inf(-1)}
	sum, n := 0.0, 0
	for _, tr := range trials {
		if v := quantity(name, tr.Score, tr.Enrol, tr.Test); !math.IsNaN(v) {
			t.Low, t.High = min(t.Low, v), max(t.High, v)
			sum += v
			n++
		}
	}
	if n == 0 {
		t.Low, t.High = 0, 0
		return t
	}
	t.Mean = min(max(sum/float64(n), t.Low), t.High) // rounding must not put it outside
	return t
}

// standardise takes mean and standard deviation off the columns of rows. A column that never varies becomes 0, its deviation is 0.
func standardise(rows []float64, n int) (mean, sd []float64) {
	mean, sd = make([]float64, n), make([]float64, n)
	t := float64(len(rows) / n)
	for i, v := range rows {
		mean[i%n] += v / t
	}
	for i, v := range rows {
		sd[i%n] += (v - mean[i%n]) * (v - mean[i%n]) / t
	}
	for j := range sd {
		if sd[j] = math.Sqrt(sd[j]); sd[j] < 1e-9*(1+math.Abs(mean[j])) {
			sd[j] = 0
		}
	}
	for i := range rows {
		if rows[i] -= mean[i%n]; sd[i%n] > 0 {
			rows[i] /= sd[i%n]
		} else {
			rows[i] = 0
		}
	}
	return mean, sd
}

// weights returns the weights of the standardised quantities, the bias last, where the weighted logistic loss plus Ridge/2·Σw² is least. The
// bias has next to no penalty.
func weights(rows []float64, n int, trials []CalibrationTrial, o FitOptions) ([]float64, error) {
	prior := math.Log(o.PTarget / (1 - o.PTarget))
	share := [2]float64{}
	for _, t := range trials {
		share[class(t)]++
	}
	share[0], share[1] = (1-o.PTarget)/share[0], o.PTarget/share[1]
	w, err := newton.Minimise(make([]float64, n+1), func(w []float64) (float64, *mat.VecDense, *mat.SymDense) {
		loss, g, h := 0.0, mat.NewVecDense(n+1, nil), mat.NewSymDense(n+1, nil)
		x, at := mat.NewVecDense(n+1, nil), mat.NewVecDense(n+1, w)
		x.SetVec(n, 1)
		for i, t := range trials {
			copy(x.RawVector().Data, rows[i*n:(i+1)*n])
			z := mat.Dot(at, x) + prior
			p, y, k := 1/(1+math.Exp(-z)), class(t), share[class(t)]
			loss += k * softplus(z*float64(1-2*y))
			g.AddScaledVec(g, k*(p-float64(y)), x)
			h.SymRankOne(h, k*p*(1-p), x)
		}
		for a, v := range w {
			ridge := o.Ridge
			if a == n {
				ridge = 0
			}
			loss += ridge / 2 * v * v
			g.SetVec(a, g.AtVec(a)+ridge*v)
			h.SetSym(a, a, h.At(a, a)+ridge+1e-10) // a constant column or a sure fit leaves no curvature
		}
		return loss, g, h
	})
	if err != nil {
		return nil, fmt.Errorf("%w: the regression has no single answer, as where quantities depend on each other: %w", ErrCalibrate, err)
	}
	return w, nil
}

// class is 1 of a target trial, else 0.
func class(t CalibrationTrial) int {
	if t.Target {
		return 1
	}
	return 0
}

// softplus returns ln(1+e^x) without overflow.
func softplus(x float64) float64 {
	if x > 0 {
		return x + math.Log1p(math.Exp(-x))
	}
	return math.Log1p(math.Exp(x))
}

// report measures the LLRs of the trials and takes the thresholds that they support.
func (c *Calibration) report(trials []CalibrationTrial, o FitOptions) error {
	set := eval.Set{LLR: true, Trials: make([]eval.Scored, len(trials))}
	for i, t := range trials {
		set.Trials[i] = eval.Scored{Target: t.Target, Score: c.LLR(t.Score, t.Enrol, t.Test), EnrolSpeaker: t.EnrolSpeaker, TestSpeaker: t.TestSpeaker, NetSpeech: t.Test.NetSpeech}
	}
	eo := eval.DefaultOptions()
	eo.Bands, eo.Replicates, eo.Seed = nil, o.Replicates, o.Seed
	eo.FMRs = slices.Clone(o.FMRs)
	slices.SortFunc(eo.FMRs, func(a, b float64) int { return -compare(a, b) })
	r, err := eval.Evaluate(&set, eo)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCalibrate, err)
	}
	all := r.Overall
	c.Fit = Fit{Data: o.Data, Targets: all.Targets, Nontargets: all.Nontargets, Speakers: all.Speakers, PTarget: o.PTarget, Ridge: o.Ridge,
		Cllr: all.Cllr.Value, MinCllr: all.MinCllr.Value}
	for _, p := range all.Points {
		switch {
		case !p.Offered:
			c.Withheld = append(c.Withheld, fmt.Sprintf("FMR %g: %s", p.Wanted, p.Statement))
		case !p.ThresholdAt.Interval() || !p.FMRAt.Interval() || !p.FNMR.Interval():
			c.Withheld = append(c.Withheld, fmt.Sprintf("FMR %g: too few speakers for an interval", p.Wanted))
		case !within(p.ThresholdAt.Low, 1e4) || !within(p.ThresholdAt.High, 1e4):
			c.Withheld = append(c.Withheld, fmt.Sprintf("FMR %g: the interval of the threshold has no end", p.Wanted))
		default:
			c.Thresholds = append(c.Thresholds, Threshold{FMR: p.Wanted, LLR: p.Threshold, LLRLow: p.ThresholdAt.Low, LLRHigh: p.ThresholdAt.High,
				FMRLow: p.FMRAt.Low, FMRHigh: p.FMRAt.High, FNMR: p.FNMR.Value, FNMRLow: p.FNMR.Low, FNMRHigh: p.FNMR.High, Statement: p.Statement})
		}
	}
	return nil
}
