package eval

import (
	"encoding/json"
	"math"
	"strconv"
)

// The JSON form: plain numbers under the names of the field, null for what was not computed, every interval under
// confidence_intervals in the same shape as the numbers.
type resultJSON struct {
	Trials     int `json:"trials"`
	Targets    int `json:"targets"`
	Nontargets int `json:"nontargets"`
	Failed     int `json:"failed"`
	Speakers   int `json:"speakers"`

	figuresJSON[*float64]
	Intervals figuresJSON[*[2]*float64] `json:"confidence_intervals"`

	Points      []pointJSON `json:"operating_points"`
	AtOverall   []fixedJSON `json:"at_overall_threshold,omitempty"`
	NotComputed []Absent    `json:"not_computed"`
}

// figuresJSON holds, for each figure, the value or its interval.
type figuresJSON[T any] struct {
	EER       T            `json:"eer"`
	EERHull   T            `json:"eer_hull"`
	MinDCF    map[string]T `json:"min_dcf"` // by p_target
	ActDCF    map[string]T `json:"act_dcf"`
	Cllr      T            `json:"cllr"`
	MinCllr   T            `json:"min_cllr"`
	FNMRAtFMR map[string]T `json:"fnmr_at_fmr"` // by FMR
	FRRAtFMR  map[string]T `json:"frr_at_fmr"`
	FTA       T            `json:"fta"`
	FTE       T            `json:"fte"`
}

type pointJSON struct {
	Wanted    float64      `json:"fmr_wanted"`
	FMR       *float64     `json:"fmr"`
	FMRCI     *[2]*float64 `json:"fmr_interval"`
	FNMR      *float64     `json:"fnmr"`
	Threshold *float64     `json:"threshold"` // null unless the trials support it
	ThreshCI  *[2]*float64 `json:"threshold_interval"`
	Expected  float64      `json:"expected_false_matches"`
	Support   Support      `json:"support"`
	Statement string       `json:"statement"`
}

type fixedJSON struct {
	Wanted    float64      `json:"fmr_wanted"`
	Threshold float64      `json:"threshold"`
	FMR       *float64     `json:"fmr"`
	FMRCI     *[2]*float64 `json:"fmr_interval"`
	FNMR      *float64     `json:"fnmr"`
	FNMRCI    *[2]*float64 `json:"fnmr_interval"`
}

type sliceJSON struct {
	Name string `json:"name"`
	resultJSON
}

type groupJSON struct {
	Column string      `json:"column"`
	Slices []sliceJSON `json:"slices"`
}

type reportJSON struct {
	Scale string `json:"scale"` // llr or score
	resultJSON
	Method struct {
		Interval    string  `json:"interval"`
		Unit        Unit    `json:"unit"`
		Level       float64 `json:"level"`
		Replicates  int     `json:"replicates"`
		Seed        uint64  `json:"seed"`
		EER         string  `json:"eer"`
		Costs       []Cost  `json:"costs"`
		OfferAt     float64 `json:"offer_at_expected_false_matches"`
		MinSpeakers int     `json:"min_speakers"`
	} `json:"method"`
	Bands  []sliceJSON `json:"bands"`
	Groups []groupJSON `json:"groups"`
}

// MarshalJSON writes the report with snake_case names and rates as fractions: eer, min_dcf, act_dcf, cllr, min_cllr, fnmr_at_fmr,
// fta, fte, trials and targets at the top, min_dcf and act_dcf keyed by p_target, fnmr_at_fmr by FMR; null, with an entry in
// not_computed, for what the trials do not give. A threshold is null unless it is offered.
func (r *Report) MarshalJSON() ([]byte, error) {
	w := reportJSON{Scale: "score", resultJSON: r.wire(&r.Overall), Bands: r.wireSlices(r.Bands), Groups: []groupJSON{}}
	if r.LLR {
		w.Scale = "llr"
	}
	w.Method.Interval = "percentile bootstrap, two-way"
	w.Method.Unit, w.Method.Level, w.Method.Replicates, w.Method.Seed = r.Unit, r.Options.Level, r.Options.Replicates, r.Options.Seed
	w.Method.EER = "plain: FMR = FNMR on the ROC of all thresholds; eer_hull on its convex hull"
	w.Method.Costs, w.Method.OfferAt, w.Method.MinSpeakers = r.Options.Costs, r.Options.OfferAt, r.Options.MinSpeakers
	for _, g := range r.Groups {
		w.Groups = append(w.Groups, groupJSON{g.Column, r.wireSlices(g.Slices)})
	}
	return json.Marshal(w)
}

func (r *Report) wireSlices(slices []Slice) []sliceJSON {
	out := make([]sliceJSON, len(slices))
	for i := range slices {
		out[i] = sliceJSON{slices[i].Name, r.wire(&slices[i].Result)}
	}
	return out
}

func (r *Report) wire(res *Result) resultJSON {
	w := resultJSON{
		Trials: res.Trials, Targets: res.Targets, Nontargets: res.Nontargets, Failed: res.Failed, Speakers: res.Speakers,
		figuresJSON: figures(r, res, func(e Estimate) *float64 { return finite(e.Value) }),
		Intervals:   figures(r, res, span),
		NotComputed: append([]Absent{}, res.NotComputed...),
		Points:      []pointJSON{},
	}
	for _, p := range res.Points {
		j := pointJSON{Wanted: p.Wanted, FMR: finite(p.FMRAt.Value), FMRCI: span(p.FMRAt), FNMR: finite(p.FNMR.Value), Expected: p.Expected,
			Support: p.Support, Statement: p.Statement}
		if p.Offered {
			j.Threshold, j.ThreshCI = finite(p.Threshold), span(p.ThresholdAt)
		}
		w.Points = append(w.Points, j)
	}
	for _, p := range res.AtOverall {
		w.AtOverall = append(w.AtOverall, fixedJSON{p.Wanted, p.Threshold, finite(p.FMR.Value), span(p.FMR), finite(p.FNMR.Value), span(p.FNMR)})
	}
	return w
}

func figures[T any](r *Report, res *Result, of func(Estimate) T) figuresJSON[T] {
	f := figuresJSON[T]{
		EER: of(res.EER), EERHull: of(res.EERHull), Cllr: of(res.Cllr), MinCllr: of(res.MinCllr), FTA: of(res.FTA), FTE: of(res.FTE),
		MinDCF: map[string]T{}, ActDCF: map[string]T{}, FNMRAtFMR: map[string]T{}, FRRAtFMR: map[string]T{},
	}
	for i, c := range r.Options.Costs {
		f.MinDCF[c.key()], f.ActDCF[c.key()] = of(res.MinDCF[i]), of(res.ActDCF[i])
	}
	for _, p := range res.Points {
		k := rateKey(p.Wanted)
		f.FNMRAtFMR[k], f.FRRAtFMR[k] = of(p.FNMR), of(p.FRR)
	}
	return f
}

// rateKey spells a rate without an exponent: 0.0001.
func rateKey(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// finite is nil for what JSON has no number for.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// span is nil without an interval; one of its ends is nil when it is infinite.
func span(e Estimate) *[2]*float64 {
	if !e.Interval() {
		return nil
	}
	return &[2]*float64{finite(e.Low), finite(e.High)}
}
