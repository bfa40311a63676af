// Package interaction holds the interaction record: what Timbre tells the world about one call.
//
// One Interaction is one document, the same from the command line, the server, a webhook and an export. The package has the
// types, their JSON form, Validate and the published JSON Schema (Schema), and no I/O.
//
// Positions and lengths of time are integer milliseconds from the start of the audio and end in _ms. Levels are dB relative to
// full scale (dBFS), rates fractions in [0, 1]. What could not or must not be measured is never a zero: the field is absent and
// NotComputed says why with a Code.
//
// # Terms
//
// A channel is one track of the recording. A segment is an interval of speech on one channel. A participant is an agent or a
// customer, present from one time to another (after a transfer each agent is a participant, a leg, of their own). A turn is a
// stretch in which one side holds the floor. An emotion is the probability of an expressed signal in the voice, never a fact
// about a person. A voice decision is evidence (Assurance is always evidence_only), never a sole factor.
//
// The conversation group follows the vocabulary of Amazon Connect Contact Lens' post-call output (talk time, non-talk time,
// interruptions by interrupter, instances), written in snake_case, so that integrations map it mechanically.
package interaction
