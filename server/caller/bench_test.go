package caller

import (
	"testing"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/server/identity"
)

// BenchmarkCall runs all that a server does by default with the audio of a two-channel call, in frames of 20 ms: both sides analysed, the
// customer's emotion, the claimed identity verified, and a partial record every five seconds.
func BenchmarkCall(b *testing.B) {
	d := newDesk(b)
	agent, rate := side(b, 0)
	customer, _ := side(b, 1)
	d.enrol(b, "anna", "", customer, rate)
	p := policy.Default()
	p.Policy = "test"
	frame := rate / 50
	run := func() {
		voice, err := d.known.Call(b.Context(), d.registry, p, always(identity.DefaultRules()))
		if err != nil {
			b.Fatal(err)
		}
		s, err := d.engine.NewSession(analysis.Options{ID: "c", Rate: rate, Permit: p, Voice: voice, OnEvent: func(analysis.Event) {},
			Channels: []analysis.Channel{{Role: interaction.RoleAgent, Separated: true}, {Role: interaction.RoleCustomer, Separated: true}},
			Contact:  interaction.Contact{Source: interaction.Source{Kind: "stream"}, Media: interaction.Media{Encoding: "mulaw"}}})
		if err != nil {
			b.Fatal(err)
		}
		defer s.Abort()
		if err := s.Bind(b.Context(), interaction.Binding{CustomerID: "anna", ClaimedIdentity: "anna"}); err != nil {
			b.Fatal(err)
		}
		for at := 0; at < len(agent); at += frame {
			for channel, x := range [][]float32{agent, customer} {
				if err := s.Write(b.Context(), channel, x[at:min(at+frame, len(x))]); err != nil {
					b.Fatal(err)
				}
			}
			if at%(5*rate) == 0 {
				if _, err := s.Snapshot(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		}
		if r, err := s.Close(b.Context()); err != nil || r.Voice == nil || r.Voice.LLR == nil {
			b.Fatalf("%v, error %v, want a decision", r, err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		run()
	}
	seconds := float64(len(agent)) / float64(rate)
	b.ReportMetric(b.Elapsed().Seconds()*1000/seconds/float64(b.N), "ms/s")
	b.ReportMetric(seconds*float64(b.N)/b.Elapsed().Seconds(), "x_realtime")
}
