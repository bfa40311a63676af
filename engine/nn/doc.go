// Package nn runs small neural networks forward: float32 layers with the weight layout of PyTorch, read from safetensors.
//
// It exists so that a Go program needs no inference runtime: a few layer types, each one a struct of weights with a Forward
// method. Activations are T×C row-major slices (T frames of C channels), weights are given in the order in which the training
// framework writes them, and every number is float32.
//
// # Kernels
//
// Matrix products, inner products and the element-wise steps around them exist three times: in plain Go, and as assembly for
// AVX2 with FMA and for AVX-512. A layer takes the fastest set that the processor has when it is made and packs its weights
// for it. All sets agree to 1e-5 of the sum of absolute products; they differ by rounding, so a record can differ in last
// digits between processors, never between two runs on one. Products of int8 are exact everywhere. `go generate ./engine/nn` writes
// the assembly anew.
//
// # Weights and state
//
// A layer holds weights only and is never changed by Forward, so one loaded network serves any number of streams at once.
// What a stream remembers (the last rows of a convolution, the hidden vector of a GRU) is a State value made by the layer's
// NewState, owned by the caller and used by one goroutine at a time. A state also carries the scratch memory of its layer:
// in steady state no call allocates.
//
// Layers that need the whole utterance (squeeze and excitation, Res2, pooling) have no stream. They share a Scratch, which grows
// to the longest utterance and then allocates nothing.
//
// # Batch and stream
//
// Every output row is summed in an order that does not depend on how many rows are computed at once, so feeding rows one at a
// time gives bit for bit what one call over all of them gives.
//
// # Terms
//
//	T frames · C, In, Out channels · K kernel taps · H hidden size · fold: move a batch norm into the layer before it
//
// # References
//
// Gate order and formulas of GRU and LSTM are those of torch.nn.GRU and torch.nn.LSTM (PyTorch 1.13); the container is
// safetensors 0.4 (an 8-byte little-endian header length, a JSON header, raw little-endian tensors). Cho et al. (2014) for the
// GRU, with the reset gate applied after the recurrent product as cuDNN has it; Hochreiter & Schmidhuber (1997), Gers et al.
// (2000) for the LSTM; Ioffe & Szegedy (2015) for batch norm. Names and shapes of TDNN, Res2, Residual and AttentivePool are those
// of ECAPA-TDNN (Desplanques, Thienpondt & Demuynck 2020), after Hu et al. (2018) for squeeze and excitation, Gao et al. (2019)
// for Res2Net and Okabe et al. (2018) for attentive statistics.
package nn
