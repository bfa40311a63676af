package identity

import (
	"errors"
	"fmt"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/store"
)

// UnusedMonths is after how many months without a comparison a voiceprint expires where no rule says less: the three years of
// 740 ILCS 14/15(a).
const UnusedMonths = 36

// maxDelay bounds a wait, however many failures there were.
const maxDelay = time.Hour

// Limits say how many failed verifications of one claimed identity are borne. They lock the voice factor, never the customer.
// NIST SP 800-63B-4 (second public draft) 3.2.3 asks for at most 5 failures in a row before a wait of 30 s or more.
type Limits struct {
	Failures  int           `yaml:"failures"`   // in a row, from which on each further attempt waits; 1 to 10
	Delay     time.Duration `yaml:"delay"`      // the first wait, doubled with each further failure up to an hour; 30 s to 1 h
	LockAfter int           `yaml:"lock_after"` // in a row, from which on the factor is locked; Failures to 50
}

// DefaultLimits returns 5 failures, 30 s and a lock at 10.
func DefaultLimits() Limits { return Limits{Failures: 5, Delay: 30 * time.Second, LockAfter: 10} }

// Validate lists every value that is out of range.
func (l Limits) Validate() error {
	var errs []error
	if l.Failures < 1 || l.Failures > 10 {
		errs = append(errs, fmt.Errorf("failures: %d, want 1 to 10", l.Failures))
	}
	if l.Delay < 30*time.Second || l.Delay > maxDelay {
		errs = append(errs, fmt.Errorf("delay: %s, want 30s to %s", l.Delay, maxDelay))
	}
	if l.LockAfter < l.Failures || l.LockAfter > 50 {
		errs = append(errs, fmt.Errorf("lock_after: %d, want %d (failures) to 50", l.LockAfter, l.Failures))
	}
	return errors.Join(errs...)
}

// next moves a lockout on by one attempt. Only a decision counts: one that is inconclusive neither fails nor clears, so that nobody
// clears the count by coughing.
func (l Limits) next(now store.Lockout, a store.Attempt) store.Lockout {
	switch a.Decision {
	case interaction.Authenticated:
		if !now.LockedAt.IsZero() {
			return now // only a person unlocks
		}
		return store.Lockout{SpeakerID: now.SpeakerID}
	case interaction.NotAuthenticated:
		now.Failures++
		if over := now.Failures - l.Failures; over >= 0 {
			wait := maxDelay
			if over < 16 {
				wait = min(l.Delay<<over, maxDelay)
			}
			now.BlockedUntil = a.At.Add(wait)
		}
		if now.Failures >= l.LockAfter && now.LockedAt.IsZero() {
			now.LockedAt = a.At
		}
	}
	return now
}
