package eval_test

import (
	"fmt"
	"strings"

	"github.com/timbre-voice/timbre/voiceprint/eval"
)

// From a trial list to figures. score stands for the speaker model: here the trials come with their LLRs.
func Example() {
	const list = `# label enrolment test
target    anna/1.wav,anna/2.wav  anna/3.wav
target    bert/1.wav             bert/2.wav
target    carl/1.wav             carl/2.wav
nontarget anna/1.wav,anna/2.wav  bert/2.wav
nontarget bert/1.wav             carl/2.wav
nontarget carl/1.wav             anna/3.wav
0         bert/1.wav             anna/3.wav
`
	score := []float64{5.1, 2.0, -0.4, -3.3, 0.2, -4.0, -2.5}

	trials, err := eval.ReadTrials(strings.NewReader(list))
	if err != nil {
		fmt.Println(err)
		return
	}
	speakers, err := eval.SpeakersFromTrials(trials)
	if err != nil {
		fmt.Println(err)
		return
	}
	set := eval.Set{LLR: true}
	for i, t := range trials {
		enrol, _ := speakers.Of(t.Enrol) // SpeakersFromTrials knows every file of its trials
		test, _ := speakers.Of(t.Test)
		set.Trials = append(set.Trials, eval.Scored{
			Target: t.Target, Score: score[i], EnrolSpeaker: enrol, TestSpeaker: test,
			EnrolKey: t.EnrolKey(), TestKey: t.TestKey(), NetSpeech: eval.Unmeasured,
		})
	}
	opts := eval.DefaultOptions()
	opts.FMRs = []float64{0.01}
	rep, err := eval.Evaluate(&set, opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("EER %.3f, of the hull %.3f\n", rep.Overall.EER.Value, rep.Overall.EERHull.Value)
	fmt.Printf("minDCF %.3f, actDCF %.3f at %v\n", rep.Overall.MinDCF[1].Value, rep.Overall.ActDCF[1].Value, opts.Costs[1])
	fmt.Printf("Cllr %.3f bits, minCllr %.3f bits\n", rep.Overall.Cllr.Value, rep.Overall.MinCllr.Value)
	for _, a := range rep.Overall.NotComputed {
		fmt.Printf("%s: %s\n", a.What, a.Reason)
	}
	// Output:
	// EER 0.250, of the hull 0.143
	// minDCF 0.333, actDCF 0.667 at p_target=0.05 c_miss=1 c_fa=1
	// Cllr 0.419 bits, minCllr 0.287 bits
	// fnmr_at_fmr 0.01: 4 nontarget trials expect 0.04 false matches at FMR 0.01; the rule of 3 wants 300 trials to measure it: neither FNMR nor threshold
	// confidence_intervals: 3 speakers with target trials, want at least 5
}
