package voiceprint

import "errors"

// Errors that callers branch on with errors.Is.
var (
	ErrRate      = errors.New("voiceprint: sample rate not supported")
	ErrSample    = errors.New("voiceprint: sample is no audio")                 // NaN, infinite or far beyond full scale
	ErrNoSpeech  = errors.New("voiceprint: no speech")                          // nothing to embed
	ErrTooLittle = errors.New("voiceprint: too little speech")                  // below what an embedding can be made of
	ErrModel     = errors.New("voiceprint: model does not fit")                 // weights of another shape, or a print of another model
	ErrQuality   = errors.New("voiceprint: recording refused")                  // see QualityError
	ErrPrint     = errors.New("voiceprint: not a voiceprint")                   // bytes that are none
	ErrCalibrate = errors.New("voiceprint: calibration refused")                // trials that cannot carry one
	ErrGallery   = errors.New("voiceprint: gallery entry")                      // an unknown or a doubled id
	ErrOptions   = errors.New("voiceprint: option out of range")                // found by Validate
	ErrFormat    = errors.New("voiceprint: not a calibration")                  // JSON that is none
	ErrUncalib   = errors.New("voiceprint: model has no calibration")           // an LLR was asked for
	ErrDuplicate = errors.New("voiceprint: the same audio was enrolled before") // see Extend
)
