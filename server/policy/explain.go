package policy

import (
	"fmt"
	"strings"
)

// Line is one rule in words.
type Line struct {
	Group  string `json:"group"` // computed, kept, searched, shown
	Key    string `json:"key"`   // of the file
	Value  any    `json:"value"`
	Text   string `json:"text"`
	Source string `json:"source"`
}

// Lines says in words what r permits, key by key, in the order of the file within each group.
func (r *Resolved) Lines() []Line {
	p := &r.Permit
	var out []Line
	add := func(group, key string, value any, format string, args ...any) {
		out = append(out, Line{group, key, value, fmt.Sprintf(format, args...), r.Source[key]})
	}
	either := func(b bool, yes, no string) string {
		if b {
			return yes
		}
		return no
	}
	add("computed", "customer_emotion", p.CustomerEmotion, "%s", either(p.CustomerEmotion, "the customer's expressed emotion is scored, on a channel of the customer's own", "the customer's emotion is not scored"))
	add("computed", "agent_emotion", p.AgentEmotion, "%s", either(p.AgentEmotion, "the agent's expressed emotion is scored", "the agent's emotion is never scored: no model runs on the agent's channel"))
	add("computed", "notice_required", p.NoticeRequired, "%s", either(p.NoticeRequired, "emotion is scored only on speech after the notice was played", "emotion is scored from the start, whether or not a notice was played"))
	add("computed", "verification", p.Verification, "%s", either(p.Verification, "the customer's voice is compared with the print of the person whom the caller claims to be", "the customer's voice is compared with no claimed person's print"))
	add("computed", "release_required", p.ReleaseRequired, "%s", either(p.ReleaseRequired, "nobody is embedded whose release is not in the consent ledger", "a print needs a consent; comparing a voice needs none of the caller beyond it"))
	add("computed", "passive_enrolment", r.PassiveEnrolment, "%s", either(r.PassiveEnrolment, "prints may be made of calls of persons who consented; each waits for a person's approval", "no print is made of a call by itself"))
	add("computed", "second_person", r.SecondPerson, "%s", either(r.SecondPerson, "a print that waits is approved by another than who asked for it", "who asked for a print that waits may approve it"))
	add("computed", "earlier_calls", r.EarlierCalls, "%s", either(r.EarlierCalls, "of a customer who consented to analytics, what earlier calls say of the voice's own normal is kept, sealed, and read beside the call; at most as long as an unused print", "a call is read by itself: no statistics of a customer's voice are kept for later calls"))
	add("computed", "attempts", map[string]any{"failures": r.Attempts.Failures, "delay_s": r.Attempts.Delay.Seconds(), "lock_after": r.Attempts.LockAfter},
		"after %d failures in a row the voice factor waits %s, doubled each time; after %d it is locked. The customer is never locked out by it", r.Attempts.Failures, r.Attempts.Delay, r.Attempts.LockAfter)
	add("kept", "print_unused_months", r.PrintUnusedMonths, "a voiceprint expires %d months after it was last compared with", r.PrintUnusedMonths)
	add("kept", "pending_days", r.PendingDays, "a print that nobody approves is removed after %d days", r.PendingDays)
	add("kept", "keep_digits", p.KeepDigits, "%s", either(p.KeepDigits, "keys that the caller pressed are written in clear", "keys that the caller pressed are masked"))
	add("kept", "keep_audio", p.KeepAudio, "%s", either(p.KeepAudio, "the audio is kept beside the record, that of a live call and of a recording that is handed in, and deleted with it", "no audio is kept"))
	if p.RetentionDays > 0 {
		add("kept", "retention_days", p.RetentionDays, "the record is deleted after %d days", p.RetentionDays)
	} else {
		add("kept", "retention_days", p.RetentionDays, "the record is kept without a limit set here")
	}
	if len(r.Searches) == 0 {
		add("searched", "searches", []Search{}, "a voice is searched for in no watchlist and no gallery")
	}
	for _, s := range r.Searches {
		what := map[SearchKind]string{
			SearchWatchlist:      fmt.Sprintf("the customer's voice is searched for in the watchlist %q", s.List),
			SearchIdentification: "a voice is searched for among every enrolled person",
			SearchDuplicates:     "the audio of an enrolment is searched for among every enrolled person",
		}[s.Kind]
		add("searched", "searches", s, "%s: purpose %s; legal basis %s; entries kept %d days and approved by %s. A hit is a lead for a person, never a refusal, and stays with its record", what, s.Purpose, s.LegalBasis, s.RetentionDays, s.Approver)
	}
	add("shown", "shadow", p.Shadow, "%s", either(p.Shadow, "results of voice are kept for calibration and shown to nobody on the call", "results of voice are shown on the call as evidence beside other factors"))
	return out
}

// Text returns the lines for people to read, under their groups, each with its source.
func (r *Resolved) Text() string {
	var b strings.Builder
	place := r.Permit.Jurisdiction
	if place == "" {
		place = "not set"
	}
	fmt.Fprintf(&b, "policy %s, jurisdiction %s\n", r.Permit.Policy, place)
	group := ""
	for _, l := range r.Lines() {
		if l.Group != group {
			group = l.Group
			fmt.Fprintf(&b, "%s\n", group)
		}
		fmt.Fprintf(&b, "  %s: %s [%s]\n", l.Key, l.Text, l.Source)
	}
	return b.String()
}
