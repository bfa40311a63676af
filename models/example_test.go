package models_test

import (
	"fmt"

	"github.com/timbre-voice/timbre/engine/vad"
	"github.com/timbre-voice/timbre/models"
)

// A model is loaded by name, checked, and its layers handed to the room that runs it.
func Example() {
	a, err := models.Load("vad-gru-v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	net, err := vad.LoadNet(a.Tensors)
	if err != nil {
		fmt.Println(err)
		return
	}
	det, err := vad.NewDetector(vad.DefaultOptions(), net)
	if err != nil {
		fmt.Println(err)
		return
	}
	det.Write(make([]float32, vad.Rate), func(vad.Event) {})
	fmt.Println(a.Manifest.Task, a.Manifest.Classes, a.Manifest.SampleRateHz)
	// Output: vad [speech music noise] 8000
}
