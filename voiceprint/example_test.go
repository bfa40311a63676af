package voiceprint_test

import (
	"fmt"

	"github.com/timbre-voice/timbre/engine/vad"
	"github.com/timbre-voice/timbre/models"
	"github.com/timbre-voice/timbre/voiceprint"
)

// netSpeech returns the net speech of a whole recording.
func netSpeech(net *vad.Net, rate int, x []float32) (voiceprint.Speech, error) {
	c, err := voiceprint.NewCollector(voiceprint.DefaultCollector(rate), net)
	if err != nil {
		return voiceprint.Speech{}, err
	}
	if err := c.Write(x); err != nil { // a live call writes as its samples come
		return voiceprint.Speech{}, err
	}
	c.Flush()
	return c.Speech(), nil
}

// One speaker is enrolled from two recordings at 16 kHz, and a call claims to be of the same speaker.
func Example() {
	var first, second, call []float32 // from package audio
	decide := func() error {
		detector, err := models.Load("vad-gru-v1")
		if err != nil {
			return err
		}
		net, err := vad.LoadNet(detector.Tensors)
		if err != nil {
			return err
		}
		artefact, err := models.Load("speaker-tdnn-v1")
		if err != nil {
			return err
		}
		model, err := voiceprint.LoadModel(artefact)
		if err != nil {
			return err
		}
		extractor, err := model.NewExtractor()
		if err != nil {
			return err
		}
		var speech []voiceprint.Speech
		for _, x := range [][]float32{first, second} {
			s, err := netSpeech(net, 16000, x)
			if err != nil {
				return err
			}
			speech = append(speech, s)
		}
		print, report, err := extractor.Enrol(voiceprint.DefaultEnrol(), speech...)
		if err != nil {
			return err // a QualityError says what was wrong with the recordings
		}
		fmt.Println(len(report), "recordings,", print.Quality.NetSpeech)
		test, err := netSpeech(net, 8000, call)
		if err != nil {
			return err
		}
		decision, err := extractor.Verify(print, test, voiceprint.DefaultPolicy())
		if err != nil {
			return err
		}
		fmt.Println(decision.Outcome, decision.Reasons)
		return nil
	}
	if err := decide(); err != nil {
		fmt.Println(err)
	}
}
