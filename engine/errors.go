package engine

import "errors"

// Errors that callers may branch on with errors.Is. Validate joins all problems of an options value, so several may match.
var (
	ErrRate    = errors.New("engine: sample rate not supported")
	ErrFrame   = errors.New("engine: frame options")
	ErrWindow  = errors.New("engine: window not known")
	ErrFFT     = errors.New("engine: FFT length not supported")
	ErrMel     = errors.New("engine: mel options")
	ErrFbank   = errors.New("engine: filterbank options")
	ErrCepstra = errors.New("engine: cepstra options")
	ErrDelta   = errors.New("engine: delta options")
	ErrCMVN    = errors.New("engine: CMVN options")
	ErrShape   = errors.New("engine: spectral shape options")
)

// The range of sample rates the engine accepts, in Hz: narrow-band telephony to studio.
const (
	MinRate = 8000
	MaxRate = 48000
)
