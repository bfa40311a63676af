// Package ingest takes the audio of live calls from call platforms, one small file per dialect over one shared stream.
//
// New returns an http.Handler for these paths; each dialect has one, with an endpoint's name behind it where a site has several:
//
//	/v1/stream                        our own generic dialect
//	/v1/listen                        the message names of Deepgram's live API
//	/v1/ingest/{dialect}[/{endpoint}] twilio, signalwire, audiohook, freeswitch, jambonz, asterisk, vonage, telnyx
//
// ServeAudioSocket takes Asterisk's AudioSocket on a TCP listener. DIALECTS.md tells, field by field, what each dialect says at
// its start and what becomes of it.
//
// # What happens to a connection
//
// The endpoint (tenant, secrets, which track is whose) is looked up by the path, because a platform's signature must be checked
// before anything that it sends is believed. A dialect that admits the request turns messages into samples on tracks; each track
// is put in order and its gaps are filled by timestamp, so that a position in the audio is a time of the call. Samples go to a Call,
// which package live implements. Writing to it blocks while the analysis is behind: nothing is dropped, TCP slows the sender.
//
// The audio ends with the dialect's own word, a close frame, or a connection that breaks; each ends in a record. Sockets that
// the other side leaves open are closed.
//
// # Concurrency
//
// One goroutine reads a connection and one writes pings and results. Both have ended when the handler returns; Shutdown ends all.
//
// # References
//
// RFC 6455 (2011) for websockets; RFC 9421 (2024) for HTTP message signatures; the platforms' own documentation.
package ingest
