// Package store keeps and finds: the records of calls with what people add to them, and who may be known by voice. It writes to a
// SQLite file or, where several nodes share, to PostgreSQL; both hold the same tables and run the same statements.
//
// A Store is the open database. Everything that belongs to a tenant is reached through Store.Tenant, whose every statement names
// the tenant; the methods of Store itself serve the server, which acts before a tenant is known or for all of them.
//
//	s, err := store.Open(ctx, store.Options{DSN: "timbre.db", Now: time.Now})
//	err = s.EnsureTenant(ctx, "acme", "Acme Ltd")
//	acme := s.Tenant("acme")
//	record, err = acme.SaveInteraction(ctx, record)
//	found, err := acme.Interactions(ctx, store.Query{AgentID: "agent-4"}, store.Page{Limit: 20})
//
// # One record
//
// The record of a call is one document. Surveys, tasks, evaluations, corrections and legal holds lie in rows of their own, may come
// before the call or years after it, and are written into the document whenever one of them or the record changes; the revision
// then grows by one and a row goes to the outbox in the same transaction. A summary with the metrics that calls are searched by, the
// participants, the segments and the alerts are rows derived from the document. A running call is a checkpoint until it is saved.
//
// # What the caller can rely on
//
// Errors are ErrNotFound, ErrConflict, ErrInvalid or ErrUnavailable, wrapped, or a fault inside (see Code). With an error, other
// results mean nothing unless the method says so. A call that meets another writer, or a connection that was cut before it
// committed, tries again by itself for some seconds before it is ErrUnavailable. What a method changes, it changes in one
// transaction. Lists come in pages with a cursor that neither repeats nor skips a row that stayed. Times have microseconds and are
// in UTC; the clock is the caller's, and so is every secret: the store holds sealed voiceprints, wrapped keys and hashes.
//
// Deleting a person destroys the wrapped key and the rows; on SQLite the bytes are gone from the file too (see Scrub). A legal hold
// forbids it.
//
// # Terms
//
// A tenant is a site whose rows no other tenant sees. A speaker is a person who may be known by voice; a voiceprint is an enrolled
// template of the speaker; the gallery is the prints that may be compared with. A pseudonym stands for a person where the person
// may not be named. A cursor is the place in a list after which the next page begins. The outbox holds events until they are
// handed on.
package store
