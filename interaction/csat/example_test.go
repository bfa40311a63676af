package csat_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/csat"
)

// From records and answers to a model. One answer is far from enough, and the calibration says so.
func Example() {
	r := interaction.New()
	r.Contact.ID, r.Contact.ContactID, r.Contact.State = "call-1", "k-17", interaction.StateComplete
	r.Participants = []interaction.Participant{{ID: "customer-1", Role: interaction.RoleCustomer}}
	r.Affect = []interaction.Affect{{ParticipantID: "customer-1", PeakNegative: &interaction.AffectPoint{Anger: 0.8}}}

	answers, err := csat.ReadSurveys(strings.NewReader("contact_id,kind,value\nk-17,csat,2\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	var c csat.Collector
	if err := c.Add(r); err != nil {
		fmt.Println(err)
		return
	}
	_, err = csat.Calibrate(c.Calls(answers), 1)
	fmt.Println(err, errors.Is(err, csat.ErrTooFewAnswers))
	// Output:
	// csat: too few answers: 1, want 50 true
}
