// Package analysis is the order of work for one call: it turns samples into the interaction record.
//
// A Session owns one call. Samples of each channel go in with Write, in order and at any pace, and Close returns the record:
//
//	engine, err := analysis.NewEngine(nil)                     // models, loaded once, shared by all sessions
//	s, err := engine.NewSession(analysis.Options{Rate: 8000, Channels: ...})
//	err = s.Write(ctx, 0, samples)                             // blocks while the queue is full: back-pressure
//	record, err := s.Close(ctx)
//
// Inside, each channel runs the same chain: resampled to 8 kHz (telephone band), speech and sounds told apart by engine/vad,
// and each segment of speech measured when it closes (pitch, voice quality, pace, level). Close measures what needs the whole
// call, the noise floor and the conversation, and assembles the record. A file is a session fed from disk: AnalyzeFile.
//
// # What the caller can rely on
//
// The record does not depend on how the samples were cut into writes, nor on how the writes of the channels interleave. One
// goroutine owns the session's state; it ends with Close or Abort, one of which must be called. Memory is bounded: a queue of
// queueLen pieces, the longest segment of each channel and, where the customer may be known by voice, 15 s of their speech; what grows
// with the call is what its record holds, a kilobyte or two of features for each segment, and one byte for each 20 ms of a channel.
//
// A live call tells more as it runs: Bind says who is on it, Mark what happens to it, AddChannel brings the stream of another side,
// Snapshot gives the record so far. Bindings and marks carry their meaning by position, not by when they were told, so that they
// change the record alike whenever they come.
//
// The permit is asked before any stage that could be forbidden; what it refuses is never called, and not_computed says why.
//
// How segments are read for what they express, and when, stands in emotion.go.
//
// The definitions of the conversation metrics are in conversation.go, those of the course of the emotion in affect.go and of its
// alerts in affect_experience.go.
package analysis
