package interaction_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/timbre-voice/timbre/interaction"
)

// A record is read, asked and written again.
func Example() {
	data, err := os.ReadFile("testdata/record.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	record, err := interaction.Parse(data)
	if err != nil {
		fmt.Println(err)
		return
	}
	talk := record.Conversation.TalkTime.ByRole[interaction.RoleAgent]
	fmt.Printf("agent: %d ms of talk, %.0f %% of the sides'\n", talk.TotalMs, 100*talk.Share)
	for _, n := range record.NotComputed {
		fmt.Printf("%s: %s (%s)\n", n.What, n.Code, n.Detail)
	}

	record.Contact.Media.LostMs = 40
	fmt.Println(record.Validate())
	// Output:
	// agent: 7000 ms of talk, 51 % of the sides'
	// emotion: policy (the agent's emotion is not scored)
	// prosody.f0_hz: too_noisy (2.1 dB, want 6)
	// conversation.response_latency_ms: too_short (0 answers after a silence, want 1)
	// emotion: too_short (700 ms of speech, want 1000)
	// interaction: contact.media.lost_ms: 40, want 60, the sum of the gaps
}

// A silent call is a valid record without segments and with the reason.
func ExampleNew() {
	r := interaction.New()
	r.Contact.ID, r.Contact.State, r.Contact.DurationMs = "call-1", interaction.StateComplete, 4000
	r.Contact.Source.Kind = "file"
	r.Contact.Media = interaction.Media{Encoding: "mulaw", SampleRateHz: 8000, Channels: 1}
	r.Governance.Policy = "default"
	for _, what := range []string{"segments", "conversation", "affect", "voice"} {
		r.NotComputed = append(r.NotComputed, interaction.NotComputed{What: what, Code: interaction.CodeNoSpeech})
	}
	fmt.Println(r.Validate())
	data, err := json.Marshal(r)
	fmt.Println(bytes.Contains(data, []byte(`"segments":[],"sounds":[],"marks":[]`)), err)
	// Output:
	// <nil>
	// true <nil>
}
