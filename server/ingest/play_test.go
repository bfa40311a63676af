package ingest

import (
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/interaction"
)

// tone returns n samples of a rising tone, which no two places of have alike.
func tone(n int, hz float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		s := float64(i) / 8000
		x[i] = float32(0.5 * math.Sin(2*math.Pi*(hz+40*s)*s))
	}
	return x
}

// coded returns what is left of x after a codec.
func coded(t testing.TB, encoding string, x []float32) []float32 {
	t.Helper()
	b, err := audio.Encode(nil, encoding, x)
	if err != nil {
		t.Fatal(err)
	}
	dec, err := audio.NewDecoder(encoding, 8000)
	if err != nil {
		t.Fatal(err)
	}
	y, err := dec.Decode(nil, b)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

// address returns where a dialect is served, with a listener for the one that has no path.
func address(t *testing.T, s *server, dialect string) string {
	t.Helper()
	switch dialect {
	case "generic":
		return s.ws("/v1/stream")
	case "listen":
		return s.ws("/v1/listen")
	case "audiosocket":
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- s.h.ServeAudioSocket(l, "") }()
		t.Cleanup(func() {
			l.Close()
			if err := <-done; !errors.Is(err, net.ErrClosed) {
				t.Errorf("audiosocket: %v", err)
			}
		})
		return "tcp://" + l.Addr().String()
	}
	return s.ws("/v1/ingest/" + dialect)
}

// TestPlayedSamplesArrive plays two sides in every dialect over a real socket, with every kind of end, and holds that each side's
// samples arrive as the codec leaves them, all of them, on the track of that side.
func TestPlayedSamplesArrive(t *testing.T) {
	customer, agent := tone(8000, 300), tone(8100, 500) // the last frame is short
	for _, dialect := range PlayDialects() {
		encoding := "mulaw"
		if slices.Contains([]string{"listen", "freeswitch", "jambonz", "vonage", "audiosocket"}, dialect) {
			encoding = "pcm_s16le"
		}
		for _, end := range []End{EndStop, EndClose, EndDropped} {
			t.Run(fmt.Sprintf("%s_%s", dialect, end), func(t *testing.T) {
				s := serve(t, Options{Open: true})
				err := Play(t.Context(), PlayOptions{URL: address(t, s, dialect), Dialect: dialect, Rate: 8000, Customer: customer, Agent: agent, End: end,
					CallID: "5b1e64e8-76d5-4d38-8f4b-d8ff5a4f4e8f", Parameters: map[string]string{"agent_id": "a-7"}})
				if err != nil {
					t.Fatal(err)
				}
				streams := 1
				if slices.Contains(lonePlayers, dialect) {
					streams = 2
				}
				sides := map[interaction.Role][]float32{}
				for range streams {
					c := <-s.calls.ended
					want := end
					if dialect == "audiosocket" && end == EndDropped {
						want = EndClose // it cannot be told: TCP was closed between two frames
					}
					if end == EndStop && slices.Contains([]string{"freeswitch", "jambonz", "asterisk", "vonage"}, dialect) {
						want = EndClose // they have no word for it
					}
					if c.how != want {
						t.Errorf("end %s, want %s", c.how, want)
					}
					if !strings.Contains(c.start.CallID, "5b1e64e8-76d5-4d38-8f4b-d8ff5a4f4e8f") {
						t.Errorf("call id %q", c.start.CallID)
					}
					if dialect != "audiosocket" && c.start.Binding.AgentID != "a-7" {
						t.Errorf("binding %+v, want the agent", c.start.Binding)
					}
					for i, tr := range c.start.Tracks {
						role := tr.Role
						if dialect == "audiosocket" { // nothing tells the side
							role = interaction.RoleCustomer
							if len(c.tracks[i]) == len(agent) {
								role = interaction.RoleAgent
							}
						} else if !tr.Separated {
							t.Errorf("track %+v, want it separated", tr)
						}
						sides[role] = c.tracks[i]
					}
				}
				for role, x := range map[interaction.Role][]float32{interaction.RoleCustomer: customer, interaction.RoleAgent: agent} {
					want := coded(t, encoding, x)
					got := sides[role]
					if end == EndDropped {
						got = got[:min(len(got), len(want))]
						want = want[:len(got)]
						if len(got) == 0 {
							t.Errorf("%s: nothing arrived", role)
						}
					}
					if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
						t.Errorf("%s: %d samples arrived, want the %d that were sent", role, len(got), len(want))
					}
					for _, v := range got[min(len(want), len(got)):] {
						if math.Abs(float64(v)) > 1e-6 {
							t.Errorf("%s: sound after the end", role)
							break
						}
					}
				}
			})
		}
	}
}

func TestPlayTellsWhatTheServerSaid(t *testing.T) {
	s := serve(t, Options{Open: true, Endpoints: endpoints{"twilio/main": {Tenant: "acme", Token: "t0ken"}}})
	x := tone(800, 300)
	for name, c := range map[string]struct {
		o    PlayOptions
		want string
	}{
		"unknown_dialect":  {PlayOptions{Dialect: "morse"}, `dialect "morse", want one of asterisk`},
		"nothing_to_play":  {PlayOptions{Dialect: "generic", Rate: 8000}, "0 samples at 8000 Hz"},
		"not_a_url":        {PlayOptions{Dialect: "generic", URL: "here", Rate: 8000, Customer: x}, `URL "here", want ws://`},
		"unknown_path":     {PlayOptions{Dialect: "twilio", URL: s.ws("/v1/ingest/morse"), Rate: 8000, Customer: x}, "404 Not Found: not_found: no dialect at this path"},
		"unknown_endpoint": {PlayOptions{Dialect: "twilio", URL: s.ws("/v1/ingest/twilio/other"), Rate: 8000, Customer: x}, "404"},
		"wrong_token":      {PlayOptions{Dialect: "twilio", URL: s.ws("/v1/ingest/twilio/main"), Token: "guess", Rate: 8000, Customer: x}, "401 Unauthorized: unauthorized: wrong token"},
		"bad_parameters":   {PlayOptions{Dialect: "generic", URL: s.ws("/v1/stream?channels=2"), Rate: 8000, Customer: x}, "1007 channels: 1 in the message and 2 in the query"},
		"wrong_dialect":    {PlayOptions{Dialect: "freeswitch", URL: s.ws("/v1/ingest/twilio/main"), Token: "t0ken", Rate: 8000, Customer: x}, "1003 binary message of 320 bytes, want text"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := Play(t.Context(), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// TestResultsComeBack plays in the dialects that take results and holds what each is told.
func TestResultsComeBack(t *testing.T) {
	eps := endpoints{}
	for _, d := range []string{"audiohook", "freeswitch", "jambonz"} {
		eps[d+"/"] = Endpoint{Tenant: "acme", Results: true}
	}
	for dialect, want := range map[string][]string{
		"generic":    {`{"type":"session_started",`, `{"type":"session_ended",`},
		"listen":     nil, // it has words for segments and the summary, which the fake call does not give
		"audiohook":  {`"type":"opened"`, `"type":"event"`, `"type":"event"`, `"type":"closed"`},
		"freeswitch": {`{"type":"json","data":{"type":"session_started"`},
		"jambonz":    {`{"type":"json","data":{"type":"session_started"`},
		"twilio":     nil, "telnyx": nil, "signalwire": nil, "vonage": nil, "asterisk": nil,
	} {
		t.Run(dialect, func(t *testing.T) {
			s := serve(t, Options{Open: true, Endpoints: eps})
			var got []string
			err := Play(t.Context(), PlayOptions{URL: address(t, s, dialect), Dialect: dialect, Rate: 8000, Customer: tone(1600, 300), Speed: 1,
				Received: func(b []byte) { got = append(got, string(b)) }})
			if err != nil {
				t.Fatal(err)
			}
			if len(got) < len(want) || want == nil && len(got) > 0 {
				t.Fatalf("heard %q, want %d messages", got, len(want))
			}
			for i := range want {
				if !strings.Contains(got[i], want[i]) {
					t.Errorf("message %d: %s, want %s", i, got[i], want[i])
				}
			}
		})
	}
}
