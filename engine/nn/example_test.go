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

// A speaker network sees whole utterances: residual blocks keep the frames, pooling makes one vector of any number of them.
func ExampleAttentivePool() {
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
	res2, err := nn.LoadRes2(weights, "res2_0", 32, 4, 3, 2, 1e-5) // 32 channels in 4 groups, kernel 3, dilation 2
	if err != nil {
		fmt.Println(err)
		return
	}
	block, err := nn.NewResidual(nil, res2)
	if err != nil {
		fmt.Println(err)
		return
	}
	pool, err := nn.LoadAttentivePool(weights, "pool0", 24, 16, true, 1e-6)
	if err != nil {
		fmt.Println(err)
		return
	}
	var scratch nn.Scratch // one per goroutine
	const frames = 50
	x, y := make([]float32, frames*block.In()), make([]float32, frames*block.Out())
	fmt.Println(block.Forward(&scratch, y, x, frames))
	stats := make([]float32, pool.Out())
	pool.Forward(&scratch, stats, make([]float32, frames*pool.In()), frames)
	fmt.Println(len(stats))
	// Output:
	// 50
	// 48
}
