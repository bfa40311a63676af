package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
)

// FuzzRender draws whatever decodes into a record, valid or not: a stored record may come from another version.
func FuzzRender(f *testing.F) {
	for _, r := range []*interaction.Interaction{handMade(), silentCall(), monoCall(), scoredCall()} {
		b, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"contact":{"duration_ms":9223372036854775807,"media":{"channels":-1,"sample_rate_hz":-8000}},"segments":[{"channel":-1,"start_ms":-9223372036854775808,"end_ms":9223372036854775807}]}`))
	env := &envelope{}
	env.add(0, make([]float32, 8000))
	env.add(1, make([]float32, 4000))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r interaction.Interaction
		if len(b) > 1<<16 || json.Unmarshal(b, &r) != nil {
			return
		}
		var out bytes.Buffer
		if err := render(&out, &r, reportOptions{ASCII: true}); err != nil {
			t.Fatal(err)
		}
		if i := strings.IndexFunc(out.String(), func(c rune) bool { return c != '\n' && (c < ' ' || c > '~') }); i >= 0 {
			t.Fatalf("the report has %q", out.String()[i])
		}
		if err := render(&out, &r, reportOptions{Width: 133, Colour: true}); err != nil {
			t.Fatal(err)
		}
		parseSVG(t, timelineSVG(&r, env))
		parseSVG(t, timelineSVG(&r, nil))
		newSummaryRow("x", &r)
	})
}
