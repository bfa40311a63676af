// Package server wires the parts of the server together: the sockets of call platforms, the calls that run, the store, the way of
// events and the REST interface.
//
//	c, err := server.ParseConfig(text, os.LookupEnv)   // timbre.example.yaml documents every key
//	s, err := server.New(ctx, c, server.Deps{Engine: engine, Log: log})
//	err = s.Run(ctx)                                   // until ctx ends; then it drains
//
// A drain stops accepting, ends the streams of platforms so that every call is flushed into a complete record, delivers what
// waits, and closes the store last. What a delivery could not reach in time waits on disk for the next start.
//
// One process is a whole system: SQLite in a file and an embedded NATS server. With a postgres:// address and the URL of an outside
// NATS server the same program is one of several equal nodes.
package server
