package faults

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
)

// TestKilledServerLosesNoFinishedRecord kills the process under live calls and looks, after the restart, for the record of every
// call that had ended and for how much of each running one is there.
func TestKilledServerLosesNoFinishedRecord(t *testing.T) {
	rounds, calls := size(1, *rounds), size(4, *live)
	dir := t.TempDir()
	n := newNode(t, dir, "--db", filepath.Join(dir, "timbre.db"))
	r := rand.New(rand.NewPCG(1, 1))
	finished, kept, cut, interrupted, timely := 0, 0, 0, 0, 0
	var worst int64
	for round := range rounds {
		n.start()
		all := dialAll(t, n, fmt.Sprintf("kill-%d", round), calls)
		time.Sleep(time.Duration(7000+r.IntN(3000)) * time.Millisecond) // the fault comes at any moment between two checkpoints
		var ended, running []*call
		for i, c := range all {
			if i%5 == 0 && c.stop(20*time.Second) {
				ended = append(ended, c)
				continue
			}
			running = append(running, c)
		}
		time.Sleep(time.Duration(r.IntN(2000)) * time.Millisecond)
		sent := make([]int64, len(running))
		for i, c := range running {
			sent[i] = c.sentMs.Load()
		}
		n.kill()
		for _, c := range running {
			c.drop()
		}
		n.start()
		for _, c := range ended {
			finished++
			var s summary
			var err error
			// One that could not be saved before the kill lies in the spill, which is read in the background.
			if within(time.Minute, func() bool { s, err = n.record(c.id); return err == nil && s.State == "complete" }) {
				kept++
			} else {
				t.Errorf("round %d: the finished call %s: %+v, %v", round, c.id, s, err)
			}
		}
		for i, c := range running {
			cut++
			var s summary
			var err error
			if !within(time.Minute, func() bool { s, err = n.record(c.id); return err == nil && s.State == "interrupted" }) {
				t.Errorf("round %d: the running call %s is not taken up: %+v, %v", round, c.id, s, err)
				continue
			}
			interrupted++
			loss := sent[i] - s.DurationMs
			worst = max(worst, loss)
			if loss <= 6000 { // 5 s of the checkpoint, and what was on its way
				timely++
			} else {
				t.Errorf("round %d: call %s: %d ms sent, %d ms in the record", round, c.id, sent[i], s.DurationMs)
			}
		}
		n.stop()
	}
	report(t, row{"kill -9: records of calls that had ended", finished, kept, finished - kept, "records", fmt.Sprintf("%d kills", rounds)})
	report(t, row{"kill -9: running calls are there as interrupted", cut, interrupted, cut - interrupted, "calls", ""})
	report(t, row{"kill -9: at most the last 5 s of a running call lost", cut, timely, cut - timely, "calls", fmt.Sprintf("worst %.1f s, with what was on its way", float64(worst)/1000)})
}
