package live

import (
	"math/rand/v2"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// checkpoints hands on the partial record until the call is over, each time an interval after the time before, however long that one
// took: else the wait for the disk would be added to what a crash may cost. Calls that begin together have their first checkpoints at
// random moments of the interval, so that they do not come together ever after.
func (c *call) checkpoints() {
	every := c.hub.opts.Checkpoint
	t := time.NewTimer(rand.N(every))
	defer t.Stop()
	for {
		select {
		case <-c.done:
			return
		case <-c.hub.ctx.Done():
			return
		case <-t.C:
		}
		due := time.Now()
		if r, err := c.snapshot(c.hub.ctx); err == nil {
			if err := c.hub.opts.Records.Checkpoint(c.hub.ctx, r); err != nil {
				c.log.Warn("checkpoint not kept", "err", err)
			}
			c.out.emit(interaction.Event{Type: interaction.EventProgress})
		}
		t.Reset(every - time.Since(due))
	}
}
