package cluster

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/ingest"
)

func TestRequestComesAsItWasSent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := request{op: op(rapid.IntRange(int(opAlive), int(opLast)).Draw(t, "op")), number: rapid.Uint64Min(1).Draw(t, "number")}
		switch want.op {
		case opAlive:
			want.number = 0
		case opResults:
		case opWrite:
			want.track = rapid.IntRange(0, 7).Draw(t, "track")
			want.x = rapid.SliceOfN(rapid.Float32(), 0, 1000).Draw(t, "x")
		default:
			want.args = arguments{Track: rapid.IntRange(0, 7).Draw(t, "track"), N: rapid.Int64().Draw(t, "n"), Text: rapid.String().Draw(t, "text"),
				Detail: rapid.String().Draw(t, "detail"), Binding: interaction.Binding{AgentID: "a", ChannelRoles: []interaction.Role{"agent"}}, How: ingest.EndStop}
		}
		b, err := want.append(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseRequest(b)
		if err != nil {
			t.Fatal(err)
		}
		if len(want.x) == 0 {
			want.x, got.x = nil, nil
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(request{})); d != "" {
			t.Fatal(d)
		}
	})
}

func TestAnswerKeepsWhatTheErrorMeans(t *testing.T) {
	for name, want := range map[string]error{"busy": ingest.ErrBusy, "mismatch": ingest.ErrMismatch, "gone": ingest.ErrGone, "any": errors.New("live: invalid: x"), "none": nil} {
		t.Run(name, func(t *testing.T) {
			in := want
			if want != nil {
				in = fmt.Errorf("layer: %w", want)
			}
			a, err := parseAnswer(answerOf(in).bytes())
			if err != nil {
				t.Fatal(err)
			}
			got := a.err()
			if (got == nil) != (want == nil) || name != "any" && !errors.Is(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

// FuzzRequest reads any bytes as a request: what is taken is written as it was read.
func FuzzRequest(f *testing.F) {
	for _, r := range []request{{op: opAlive}, {op: opWrite, number: 1, track: 1, x: []float32{0, 1, -1, float32(math.Inf(1))}}, {op: opEnd, number: 7, args: arguments{How: ingest.EndStop}},
		{op: opBind, number: 2, args: arguments{Binding: interaction.Binding{AgentID: "a"}}}} {
		b, err := r.append(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{2, 0, 0, 0, 0, 0, 0, 0, 1, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRequest(b)
		if err != nil {
			return
		}
		again, err := r.append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.op == opWrite && string(again) != string(b) {
			t.Errorf("%x, want %x", again, b)
		}
		if _, err := parseRequest(again); err != nil {
			t.Error(err)
		}
	})
}
