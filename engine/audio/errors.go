package audio

import "errors"

// Errors that callers branch on with errors.Is. Each is wrapped with the chunk or offset, the value found and what was expected;
// the name of the file is the caller's to add.
var (
	// ErrFormat marks content that is none of the formats read here, or breaks the rules of the one that it claims to be.
	ErrFormat = errors.New("audio: not readable")
	// ErrTruncated marks input that ends before the first sample could be read. Input that ends later is read as far as it goes,
	// with a warning.
	ErrTruncated = errors.New("audio: input ends too early")
	// ErrUnsupported marks a known format or a known mode of one that this package does not read.
	ErrUnsupported = errors.New("audio: not supported")
	// ErrLimit marks values beyond the fixed limits of this package: channels, rate, chunk or packet sizes, samples asked for.
	ErrLimit = errors.New("audio: beyond the limit")
	// ErrChannels marks a Read whose dst has another number of channels than the stream, or slices of different lengths.
	ErrChannels = errors.New("audio: wrong number of channels")
)

// Limits on what a header may claim. They are far outside telephony and studio use and keep a lying header from choosing how much
// is allocated or computed.
const (
	MaxChannels = 32     // channels of one stream
	MinRate     = 4000   // samples per second
	MaxRate     = 384000 // samples per second
)
