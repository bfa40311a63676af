package nn_test

import (
	"fmt"
	"os"

	"github.com/timbre-voice/timbre/engine/nn"
)

// Weights come from a safetensors file, layers from their names in it; a stream keeps a state beside the shared layer.
func Example() {
	file, err := os.ReadFile("../../testdata/golden/nn/layers.safetensors")
	if err != nil {
		fmt.Println(err)
		return
	}
	weights, err := nn.LoadTensors(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	gru, err := nn.LoadGRU(weights, "gru1", 48, 64)
	if err != nil {
		fmt.Println(err)
		return
	}
	state := gru.NewState() // one per stream
	x, y := make([]float32, 48), make([]float32, 64)
	for range 3 { // one row at a time, as frames arrive
		gru.Forward(state, y, x, 1)
	}
	fmt.Println(len(y), weights.Params() > 10000)
	// Output: 64 true
}
