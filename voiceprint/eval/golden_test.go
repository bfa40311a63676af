package eval

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/timbre-voice/timbre/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

type golden struct {
	Tool   string  `json:"tool"`
	AbsTol float64 `json:"abs_tol"`
	Values struct {
		Scores     []float64    `json:"scores"`
		Labels     string       `json:"labels"`
		Targets    int          `json:"targets"`
		Nontargets int          `json:"nontargets"`
		EER        float64      `json:"eer"`
		EERHull    float64      `json:"eer_hull"`
		Costs      [][3]float64 `json:"costs"`
		MinDCF     []float64    `json:"min_dcf"`
		ActDCF     []float64    `json:"act_dcf"`
		Cllr       float64      `json:"cllr"`
		MinCllr    float64      `json:"min_cllr"`
		FMRs       []float64    `json:"fmrs"`
		FNMRAtFMR  []float64    `json:"fnmr_at_fmr"`
		ROC        [][2]float64 `json:"roc"`
		DET        [][2]float64 `json:"det"`
	} `json:"values"`
}

// TestGolden compares every metric with scikit-learn, scipy and numpy.
func TestGolden(t *testing.T) {
	dir := testkit.Testdata(t, "golden", "eval")
	for _, name := range []string{"gaussian_llr", "many_ties", "unequal_spread", "overconfident_llr", "separable", "mostly_reversed", "chance", "cosine"} {
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(dir, name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var g golden
			if err := json.Unmarshal(b, &g); err != nil {
				t.Fatal(err)
			}
			v := &g.Values
			target := make([]bool, len(v.Labels))
			for i := range target {
				target[i] = v.Labels[i] == '1'
			}
			r, err := RankScores(v.Scores, target)
			if err != nil {
				t.Fatal(err)
			}
			if r.Targets() != v.Targets || r.Nontargets() != v.Nontargets {
				t.Fatalf("%d target and %d nontarget trials, want %d and %d", r.Targets(), r.Nontargets(), v.Targets, v.Nontargets)
			}
			same := func(what string, got, want float64) {
				t.Helper()
				if !(math.Abs(got-want) <= g.AbsTol) {
					t.Errorf("%s: %.12f, %s gives %.12f", what, got, g.Tool, want)
				}
			}
			eer, _ := r.EER()
			same("eer", eer, v.EER)
			same("eer of the hull", r.EERHull(), v.EERHull)
			for i, c := range v.Costs {
				cost := Cost{c[0], c[1], c[2]}
				dcf, threshold := r.MinDCF(cost)
				same("minDCF "+cost.String(), dcf, v.MinDCF[i])
				same("cost at the threshold of minDCF "+cost.String(), cost.dcf(r.Rates(threshold)), v.MinDCF[i])
				same("actDCF "+cost.String(), r.ActDCF(cost), v.ActDCF[i])
			}
			same("cllr", r.Cllr(), v.Cllr)
			same("minCllr", r.MinCllr(), v.MinCllr)
			for i, f := range v.FMRs {
				at := r.c.thresholdAt(f)
				threshold := math.Inf(1)
				if at < len(r.scores) {
					threshold = r.scores[at]
				}
				_, fnmr := r.Rates(threshold)
				same("fnmr at fmr", fnmr, v.FNMRAtFMR[i])
				if p := r.FNMRAtFMR(f, 30); p.Support != SupportNone {
					same("fnmr of the operating point", p.FNMR, v.FNMRAtFMR[i])
				}
			}
			if v.EER > 0 && len(v.ROC) < 10 { // a separable set has no point with both errors
				t.Fatalf("%d points of the ROC, want at least 10", len(v.ROC))
			}
			det := r.DET(0)
			for i, p := range v.ROC {
				found := false
				for _, d := range det {
					if math.Abs(d.FMR-p[0]) <= g.AbsTol && math.Abs(d.FNMR-p[1]) <= g.AbsTol {
						found = true
						same("probit of fmr", d.X, v.DET[i][0])
						same("probit of fnmr", d.Y, v.DET[i][1])
					}
				}
				if !found {
					t.Errorf("the ROC lacks the point %v of %s", p, g.Tool)
				}
			}
		})
	}
}
