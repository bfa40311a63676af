package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/internal/degrade"
	"github.com/timbre-voice/timbre/voiceprint"
)

// identificationFlags are the flags of timbre eval identification.
type identificationFlags struct {
	voiceFlags
	conditionFlags
	gallery, probes string
	fmr             float64
	top             int
	line            degrade.Line
}

func (a *app) evalIdentificationCommand() *cobra.Command {
	f := identificationFlags{}
	cmd := &cobra.Command{
		Use:   "identification --gallery CSV --probes CSV --audio DIR",
		Short: "Search a gallery for probes and print rank1, fpir and fnir",
		Long: `Search a gallery for the speakers of probes, as timbre identify does, and print how often it is right.

Both lists are CSV with a header that names the columns speaker and path, in any place among others; paths are relative to
--audio. The rows of one speaker in --gallery are joined to one entry. Every row of --probes is one search; a speaker that is
empty or not in the gallery is an impostor.

  rank1  share of the probes of enrolled speakers whose nearest entry is the right one, without regard to the threshold
  fnir   share of those for which the right entry is not among the candidates at the threshold
  fpir   share of the impostors for which there is any candidate at the threshold
A probe that gave no embedding, and one whose speaker could not be enrolled, counts as not found. The threshold is the
calibration's for --fmr, raised by the natural log of the number of entries.`,
		Example: "  timbre eval identification --gallery gallery.csv --probes probes.csv --audio recordings --degrade phone",
		Args:    wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := required(cmd, "gallery", "probes", "audio"); err != nil {
				return err
			}
			if err := f.voiceFlags.check(cmd); err != nil {
				return err
			}
			if f.line, err = f.conditionFlags.check(cmd); err != nil {
				return err
			}
			if f.top < 1 || f.top > 1000 {
				return usagef(cmd, "eval identification: --top: %d, want 1 to 1000", f.top)
			}
			return a.evalIdentification(cmd, f)
		},
	}
	f.voiceFlags.add(cmd)
	f.conditionFlags.add(cmd)
	fs := cmd.Flags()
	fs.StringVar(&f.gallery, "gallery", "", "CSV `FILE` of the enrolled: speaker,path")
	fs.StringVar(&f.probes, "probes", "", "CSV `FILE` of the searches: speaker,path")
	fs.Float64Var(&f.fmr, "fmr", voiceprint.DefaultPolicy().FMR, "false match `rate` whose threshold is taken")
	fs.IntVar(&f.top, "top", voiceprint.DefaultIdentify().Top, "candidates that count, `N` at most")
	return cmd
}

// spoken is one row of a CSV of recordings.
type spoken struct {
	speaker, path string
}

// readSpoken reads a CSV with the columns speaker and path.
func readSpoken(path string) ([]spoken, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	defer f.Close()
	r := csv.NewReader(f)
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: header: %w, want columns speaker and path", path, err)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	who, at := slices.Index(head, "speaker"), slices.Index(head, "path")
	if who < 0 || at < 0 {
		return nil, fmt.Errorf("%s: header %q, want columns speaker and path", path, head)
	}
	var out []spoken
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if row[at] == "" {
			line, _ := r.FieldPos(at)
			return nil, fmt.Errorf("%s: line %d: no path, want one", path, line)
		}
		out = append(out, spoken{row[who], row[at]})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no rows, want at least one", path)
	}
	return out, nil
}

// searchTally counts what searches found, by the speaker of the probe: the searches of one speaker are not independent.
type searchTally struct {
	known, first, missed int // probes of enrolled speakers; nearest is right; not among the candidates
	impostors, alarms    int
}

// rate is a share with its interval.
type rate struct {
	value, low, high float64 // NaN: not computed
}

func (a *app) evalIdentification(cmd *cobra.Command, f identificationFlags) error {
	v, err := loadVoices(f.voiceFlags)
	if err != nil {
		return err
	}
	entries, err := readSpoken(f.gallery)
	if err != nil {
		return err
	}
	probes, err := readSpoken(f.probes)
	if err != nil {
		return err
	}
	var ids []string
	files := map[string][]string{}
	for i, e := range entries {
		if e.speaker == "" {
			return fmt.Errorf("%s: row %d: no speaker, want one", f.gallery, i+2)
		}
		if files[e.speaker] == nil {
			ids = append(ids, e.speaker)
		}
		files[e.speaker] = append(files[e.speaker], e.path)
	}
	sides := a.newSideSet(v, f.audio, f.channel)
	var enrolled, tested []int
	for _, id := range ids {
		enrolled = append(enrolled, sides.add(sideKey{files: strings.Join(files[id], ","), line: f.line}))
	}
	for _, p := range probes {
		tested = append(tested, sides.add(sideKey{files: p.path, line: f.line, seconds: f.testSeconds}))
	}
	if err := sides.run(cmd.Context()); err != nil {
		return fmt.Errorf("eval identification: %w", err)
	}
	r := identificationReport{Conditions: v.conditions(f.voiceFlags, f.conditionFlags), Speed: sides.speed()}
	gallery := voiceprint.NewGallery(v.model)
	for i, id := range ids {
		side := &sides.done[enrolled[i]]
		if side.err != nil {
			r.fail("enrol", files[id], side.err)
			r.EnrolFailed++
			continue
		}
		// A print of the eval: its sources are of no interest, only its direction and quality.
		print := &voiceprint.Voiceprint{Model: side.embedding.Model, Vector: side.embedding.Vector, Quality: side.embedding.Quality}
		if err := gallery.Add(id, print); err != nil {
			return err
		}
	}
	if err := r.search(f, gallery, files, probes, sides, tested); err != nil {
		return err
	}
	w := a.con.outWriter()
	if f.json {
		return printJSON(w, &r)
	}
	return r.writeText(w)
}

// identificationReport is the result, as JSON and as text.
type identificationReport struct {
	Rank1       *float64               `json:"rank1"`
	FPIR        *float64               `json:"fpir"` // null without a threshold
	FNIR        *float64               `json:"fnir"`
	FTA         *float64               `json:"fta"`
	FTE         *float64               `json:"fte"`
	Intervals   map[string]*[2]float64 `json:"confidence_intervals"` // 95 %, by speaker
	Gallery     int                    `json:"gallery"`
	Probes      int                    `json:"probes"`
	Known       int                    `json:"known"`
	Impostors   int                    `json:"impostors"`
	EnrolFailed int                    `json:"enrol_failed"`
	TestFailed  int                    `json:"test_failed"`
	Threshold   *float64               `json:"threshold"`
	FMR         float64                `json:"fmr"`
	Top         int                    `json:"top"`
	NotComputed []string               `json:"not_computed"`
	Conditions  conditions             `json:"conditions"`
	Speed       speed                  `json:"speed"`
	Failures    []failedSide           `json:"failures"`
}

func (r *identificationReport) fail(side string, files []string, err error) {
	if len(r.Failures) < maxFailures {
		r.Failures = append(r.Failures, failedSide{side, strings.Join(files, ","), oneLine(err)})
	}
}

// search runs every probe against the gallery.
func (r *identificationReport) search(f identificationFlags, g *voiceprint.Gallery, files map[string][]string, probes []spoken, sides *sideSet, tested []int) error {
	o := voiceprint.DefaultIdentify()
	o.Policy.FMR, o.Top = f.fmr, f.top
	o.Policy.Floor = voiceprint.Floor{SNRdB: -100, Clipped: 1} // every embedding is judged
	r.Gallery, r.Probes, r.FMR, r.Top = len(files), len(probes), f.fmr, f.top
	r.NotComputed = []string{}
	decided := true
	tallies := map[string]*searchTally{}
	for i, p := range probes {
		unit := p.speaker
		if unit == "" {
			unit = "\x00" + p.path // an unknown person of their own
		}
		t := tallies[unit]
		if t == nil {
			t = &searchTally{}
			tallies[unit] = t
		}
		known := p.speaker != "" && files[p.speaker] != nil
		side := &sides.done[tested[i]]
		var found voiceprint.Identification
		if side.err != nil {
			r.fail("test", []string{p.path}, side.err)
			r.TestFailed++
		} else {
			var err error
			if found, err = g.Identify(side.embedding, o); err != nil {
				return err
			}
			if found.Threshold == nil {
				decided = false
				if len(r.NotComputed) == 0 {
					r.NotComputed = append(r.NotComputed, "fpir, fnir: "+found.Reasons[0].Text)
				}
			} else {
				r.Threshold = found.Threshold
			}
		}
		if !known {
			r.Impostors++
			t.impostors++
			t.alarms += btoi(len(found.Candidates) > 0)
			continue
		}
		r.Known++
		t.known++
		t.first += btoi(len(found.Nearest) > 0 && found.Nearest[0].ID == p.speaker)
		t.missed += btoi(!slices.ContainsFunc(found.Candidates, func(c voiceprint.Candidate) bool { return c.ID == p.speaker }))
	}
	r.figures(tallies, decided)
	return nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// figures fills in the rates; those at the threshold only where there was one.
func (r *identificationReport) figures(tallies map[string]*searchTally, decided bool) {
	units := make([]string, 0, len(tallies))
	for u := range tallies {
		units = append(units, u)
	}
	slices.Sort(units) // the interval must not depend on the order of a map
	r.Intervals = map[string]*[2]float64{}
	set := func(name string, dst **float64, ok bool, of func(*searchTally) (hits, n int)) {
		r.Intervals[name] = nil
		counts := make([][2]int, 0, len(units))
		for _, u := range units {
			if hits, n := of(tallies[u]); n > 0 {
				counts = append(counts, [2]int{hits, n})
			}
		}
		if v := clusterRate(counts); ok && !math.IsNaN(v.value) {
			*dst = &v.value
			if !math.IsNaN(v.low) {
				r.Intervals[name] = &[2]float64{v.low, v.high}
			}
		}
	}
	set("rank1", &r.Rank1, true, func(t *searchTally) (int, int) { return t.first, t.known })
	set("fnir", &r.FNIR, decided, func(t *searchTally) (int, int) { return t.missed, t.known })
	set("fpir", &r.FPIR, decided, func(t *searchTally) (int, int) { return t.alarms, t.impostors })
	fta, fte := float64(r.TestFailed)/float64(r.Probes), float64(r.EnrolFailed)/float64(r.Gallery)
	r.FTA, r.FTE = &fta, &fte
	if r.Known == 0 {
		r.NotComputed = append(r.NotComputed, "rank1, fnir: no probe of an enrolled speaker")
	}
	if r.Impostors == 0 {
		r.NotComputed = append(r.NotComputed, "fpir: no impostor among the probes")
	}
}

// clusterRate returns the share of hits over all speakers with its 95 % interval: 1,000 replicates that draw speakers with
// replacement, seed 1, and the rule of 3 over the speakers where the share is 0 or 1. Below five speakers there is no interval.
func clusterRate(counts [][2]int) rate {
	share := func(pick func(i int) [2]int) float64 {
		hits, n := 0, 0
		for i := range counts {
			c := pick(i)
			hits, n = hits+c[0], n+c[1]
		}
		return float64(hits) / float64(n)
	}
	out := rate{share(func(i int) [2]int { return counts[i] }), math.NaN(), math.NaN()}
	const fewest, replicates = 5, 1000
	if len(counts) < fewest {
		return out
	}
	rng := rand.New(rand.NewPCG(1, 0))
	draws := make([]float64, replicates)
	for k := range draws {
		draws[k] = share(func(int) [2]int { return counts[rng.IntN(len(counts))] })
	}
	slices.Sort(draws)
	out.low, out.high = draws[replicates*25/1000], draws[replicates*975/1000-1]
	three := min(3/float64(len(counts)), 1)
	if out.value == 0 {
		out.high = three
	}
	if out.value == 1 {
		out.low = 1 - three
	}
	return out
}

func (r *identificationReport) writeText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s, %s, calibration %s, line %s\n", r.Conditions.Model.Name, r.Conditions.Model.Version, r.Conditions.Scoring,
		plain(r.Conditions.Calibration), r.Conditions.Degrade)
	fmt.Fprintf(&b, "%d enrolled, %s: %d of enrolled speakers, %d of impostors; in brackets: 95 %% intervals, bootstrap by speaker\n\n",
		r.Gallery, count(r.Probes, "probe"), r.Known, r.Impostors)
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range []struct {
		name, says string
		v          *float64
	}{
		{"rank1", "nearest entry is the right one", r.Rank1}, {"fnir", "right entry not found at the threshold", r.FNIR},
		{"fpir", "impostors for whom anyone is found", r.FPIR}, {"fta", "probes that gave no embedding", r.FTA}, {"fte", "speakers not enrolled", r.FTE},
	} {
		text := "-"
		if row.v != nil {
			text = fmt.Sprintf("%.2f %%", 100**row.v)
			if i := r.Intervals[row.name]; i != nil {
				text += fmt.Sprintf(" [%.2f, %.2f]", 100*i[0], 100*i[1])
			}
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\n", row.name, text, row.says)
	}
	tw.Flush()
	if r.Threshold != nil {
		fmt.Fprintf(&b, "\nthreshold: LLR %.2f, that of FMR %g %% raised by ln %d\n", *r.Threshold, 100*r.FMR, r.Gallery-r.EnrolFailed)
	}
	for _, s := range r.NotComputed {
		fmt.Fprintf(&b, "not computed: %s\n", s)
	}
	b.WriteString(writeFailures(r.Failures))
	_, err := io.WriteString(w, b.String())
	return err
}
