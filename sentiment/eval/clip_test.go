package eval

import (
	"bytes"
	"testing"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/engine/vad"
	"github.com/timbre-voice/timbre/internal/testkit"
)

func TestSpeechIsWhatTheDetectorFinds(t *testing.T) {
	voice, _, _, err := audio.ReadAll(bytes.NewReader(testkit.Read(t, testkit.Testdata(t, "audio", "voice_female_en_8k.wav"))), 0)
	if err != nil {
		t.Fatal(err)
	}
	d, err := vad.NewDetector(vad.DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	const second = vad.Rate
	x := append(append(make([]float32, 2*second), voice[0][:3*second]...), make([]float32, second)...)
	whole := Speech(d, x, 0)
	if whole.Start < 2*second-second/5 || whole.Start > 3*second || whole.End > 5*second+second/5 || whole.Len() < second {
		t.Errorf("speech at %v of silence to 16000, voice to 40000, silence", whole)
	}
	if again := Speech(d, x, 0); again != whole {
		t.Errorf("a second clip through the same detector: %v, want %v", again, whole)
	}
	part := Speech(d, x, second)
	if part.Start != whole.Start || part.Len() < second || part.End >= whole.End {
		t.Errorf("the first second of speech is %v of %v", part, whole)
	}
	silence := make([]float32, second)
	if v := Speech(d, silence, 0); v.Start != 0 || v.End != second {
		t.Errorf("a clip without speech gives %v, want all of it", v)
	}
	if v := Speech(d, silence, 100); v.Len() != 100 {
		t.Errorf("a clip without speech, limited, gives %v, want 100 samples", v)
	}
	if v := Speech(d, nil, 0); v.Len() != 0 {
		t.Errorf("an empty clip gives %v", v)
	}
}
