package analysis_test

import (
	"context"
	"fmt"

	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/interaction/policy"
)

func ExampleAnalyzeFile() {
	engine, err := analysis.NewEngine(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	record, err := analysis.AnalyzeFile(context.Background(), "../../testdata/calls/short-call.wav", analysis.FileOptions{
		Channels: analysis.RolesUntold(), // two channels: 0 = agent, 1 = customer
		Permit:   policy.Default(),
		Engine:   engine,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range record.Participants {
		turns := record.Conversation.Turns.ByRole[p.Role]
		fmt.Printf("channel %d: %s, %d turns\n", p.Channel, p.Role, turns.Count)
	}
	// Output:
	// channel 0: agent, 2 turns
	// channel 1: customer, 2 turns
}
